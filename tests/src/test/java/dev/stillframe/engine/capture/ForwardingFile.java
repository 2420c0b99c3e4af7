package dev.stillframe.engine.capture;

import dev.stillframe.engine.memory.MemoryFile;
import java.io.IOException;

/** What another file answers; for those that do something beside that. */
abstract class ForwardingFile implements MemoryFile {
    private final MemoryFile file;

    ForwardingFile(MemoryFile file) {
        this.file = file;
    }

    @Override
    public long read(long address, long length, long offset) {
        return file.read(address, length, offset);
    }

    @Override
    public long nextData(long offset) throws IOException {
        return file.nextData(offset);
    }

    @Override
    public long nextHole(long offset) throws IOException {
        return file.nextHole(offset);
    }

    @Override
    public State state() throws IOException {
        return file.state();
    }

    @Override
    public void close() {
        file.close();
    }
}
