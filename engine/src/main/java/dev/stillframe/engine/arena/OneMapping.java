package dev.stillframe.engine.arena;

import dev.stillframe.engine.linux.PagemapScan;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.memory.FileReference;
import dev.stillframe.engine.memory.MemoryFile;
import dev.stillframe.engine.memory.WriteTracker;
import dev.stillframe.engine.page.Missing;
import dev.stillframe.engine.page.Source;
import dev.stillframe.engine.page.ThreadState;
import dev.stillframe.engine.target.Attachment;
import dev.stillframe.engine.target.FrozenThread;
import dev.stillframe.engine.target.Mapping;
import dev.stillframe.engine.target.Probe;
import dev.stillframe.engine.target.Target;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * A process of which only one mapping is captured, and no registers: an arena is memory, not a program. Its threads are
 * stopped for the instant all the same.
 */
record OneMapping(Target process, AddressRange range, Gate gate) implements Target {
    /** Keeps writes that belong together from being under way when the threads are stopped. */
    interface Gate {
        /** Returns when none is under way; none begins before {@link #open}. */
        void close() throws IOException;

        /** Lets them go on. */
        void open() throws IOException;
    }

    @Override
    public Attachment attach(Probe probe) throws IOException {
        return new Hold(process.attach(probe), gate);
    }

    @Override
    public List<Mapping> mappings() throws IOException {
        return process.mappings().stream().filter(mapping -> mapping.range().overlaps(range)).toList();
    }

    @Override
    public Map<Long, Set<String>> mappingFlags() throws IOException {
        return process.mappingFlags();
    }

    @Override
    public long read(long address, long length, long into) {
        return process.read(address, length, into);
    }

    @Override
    public byte[] read(long address, int length) throws IOException {
        return process.read(address, length);
    }

    @Override
    public void scan(long start, long end, PagemapScan.Query query, PagemapScan.Visitor visitor) throws IOException {
        process.scan(start, end, query, visitor);
    }

    @Override
    public MemoryFile open(Mapping mapping) throws IOException {
        return process.open(mapping);
    }

    @Override
    public FileReference fileOf(Mapping mapping) {
        return process.fileOf(mapping);
    }

    @Override
    public List<Missing> sharedElsewhere() throws IOException {
        return process.sharedElsewhere().stream().filter(missing -> missing.range().overlaps(range)).toList();
    }

    @Override
    public long residentBytes() {
        return range.sizeBytes();
    }

    @Override
    public int threadCount() throws IOException {
        return process.threadCount();
    }

    @Override
    public byte[] auxv() {
        return new byte[0];
    }

    @Override
    public Source source() throws IOException {
        return process.source();
    }

    @Override
    public void close() {
        process.close();
    }

    private record Hold(Attachment attachment, Gate gate) implements Attachment {
        @Override
        public WriteTracker tracker() throws IOException {
            return attachment.tracker();
        }

        @Override
        public void watch(ExitListener listener) throws IOException {
            attachment.watch(exiting -> {}); // an exit writes to the thread's stack and control block, never to the arena
        }

        @Override
        public List<FrozenThread> freeze() throws IOException {
            gate.close();
            return attachment.freeze();
        }

        @Override
        public List<ThreadState> states() {
            return List.of();
        }

        @Override
        public void thaw() throws IOException {
            attachment.thaw();
            gate.open();
        }

        @Override
        public void close() {
            attachment.close();
        }
    }
}
