package dev.stillframe.engine.nativearena;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.stillframe.engine.instant.Ending;
import dev.stillframe.engine.instant.Layout;
import dev.stillframe.engine.instant.PageKind;
import dev.stillframe.engine.page.PageBatch;
import dev.stillframe.engine.page.PageSink;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;

/**
 * The handler's sink: the pipe to the arena's process, which has the real one. Owned by one thread.
 */
final class PipeSink implements PageSink {
    private static final int CHUNK_BYTES = 1 << 18;

    private final DataOutputStream out;
    private final DataInputStream answers;
    private final byte[] chunk = new byte[CHUNK_BYTES];

    PipeSink(DataOutputStream out, DataInputStream answers) {
        this.out = out;
        this.answers = answers;
    }

    @Override
    public void begin(Layout layout) throws IOException {
        PageStream.putJson(out, PageStream.LAYOUT, layout);
        out.flush();
    }

    @Override
    public void amend(Layout layout) {
        throw new IllegalStateException("an arena's image has one round");
    }

    @Override
    public void accept(PageBatch batch) throws IOException {
        try {
            out.writeByte(PageStream.BATCH);
            out.writeInt(batch.runCount());
            for (int run = 0; run < batch.runCount(); run++) {
                out.writeByte(batch.kind(run).code());
                out.writeLong(batch.firstOrdinal(run));
                out.writeLong(batch.pageCount(run));
            }
            for (int run = 0; run < batch.runCount(); run++) {
                if (batch.kind(run) == PageKind.DATA) {
                    write(batch.hashes(run));
                    write(batch.data(run));
                }
            }
            out.flush();
        } finally {
            batch.release();
        }
    }

    private void write(MemorySegment bytes) throws IOException {
        for (long at = 0; at < bytes.byteSize(); at += CHUNK_BYTES) {
            int length = (int) Math.min(CHUNK_BYTES, bytes.byteSize() - at);
            MemorySegment.copy(bytes, JAVA_BYTE, at, chunk, 0, length);
            out.write(chunk, 0, length);
        }
    }

    @Override
    public String finish(Ending ending) throws IOException {
        PageStream.putJson(out, PageStream.ENDING, new PageStream.Listed(ending.missing()));
        out.write(ending.rootHash());
        out.flush();
        return answers.readUTF();
    }

    @Override
    public void abort(String reason) {
        // The handler tells it with the failure.
    }

    @Override
    public void close() {
        // The pipe lives as long as the process.
    }
}
