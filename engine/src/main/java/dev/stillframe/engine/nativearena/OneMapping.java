package dev.stillframe.engine.nativearena;

import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import dev.stillframe.engine.linux.PagemapScan;
import dev.stillframe.engine.linux.Userfaultfd;
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
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * A native arena in the process that it belongs to: only this mapping, at addresses from 0 on, and no registers, because an
 * arena is memory, not a program. The threads are stopped for the instant all the same.
 *
 * @param process whose memory it is; closed with this
 * @param range where the arena really is
 * @param name what the arena is called
 * @param gate closed while the threads are being stopped
 */
record OneMapping(Target process, AddressRange range, String name, Gate gate) implements Target {
    /** Keeps writes that belong together from being under way when the threads are stopped. */
    interface Gate {
        /** Returns when none is under way; none begins before {@link #open}. */
        void close() throws IOException;

        /** Lets them go on. */
        void open() throws IOException;
    }

    @Override
    public Attachment attach(Probe probe) throws IOException {
        return new Hold(process.attach(probe), gate, range.start());
    }

    @Override
    public List<Mapping> mappings() throws IOException {
        return process.mappings().stream()
                .filter(mapping -> mapping.range().overlaps(range))
                .map(
                        mapping ->
                                new Mapping(
                                        new AddressRange(0, range.sizeBytes()),
                                        mapping.protection(),
                                        0,
                                        mapping.device(),
                                        mapping.inode(),
                                        mapping.name()))
                .toList();
    }

    @Override
    public Map<Long, Set<String>> mappingFlags() throws IOException {
        Set<String> flags = process.mappingFlags().get(range.start());
        return flags == null ? Map.of() : Map.of(0L, flags);
    }

    @Override
    public long read(long address, long length, long into) {
        return process.read(address + range.start(), length, into);
    }

    @Override
    public byte[] read(long address, int length) throws IOException {
        return process.read(address + range.start(), length);
    }

    @Override
    public void scan(long start, long end, PagemapScan.Query query, PagemapScan.Visitor visitor) throws IOException {
        long base = range.start();
        process.scan(
                start + base,
                end + base,
                query,
                (from, to, categories) -> visitor.visit(from - base, to - base, categories));
    }

    @Override
    public MemoryFile open(Mapping mapping) throws IOException {
        for (Mapping real : process.mappings()) {
            if (real.range().equals(range)) {
                return process.open(real);
            }
        }
        throw new IOException("the arena at " + range + " is not mapped any more");
    }

    @Override
    public FileReference fileOf(Mapping mapping) {
        return process.fileOf(mapping);
    }

    @Override
    public List<Missing> sharedElsewhere() throws IOException {
        return process.sharedElsewhere().stream()
                .filter(missing -> missing.range().overlaps(range))
                .map(missing -> new Missing(new AddressRange(0, range.sizeBytes()), missing.reason()))
                .toList();
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
        Source real = process.source();
        return new Source(
                real.pid(),
                real.parentPid(),
                real.groupId(),
                real.sessionId(),
                real.userId(),
                real.userGroupId(),
                "arena " + name,
                List.of(),
                real.executable(),
                real.host(),
                real.machine(),
                real.kernel());
    }

    @Override
    public void close() {
        process.close();
    }

    private record Hold(Attachment attachment, Gate gate, long base) implements Attachment {
        @Override
        public WriteTracker tracker() throws IOException {
            return new FromZero(attachment.tracker(), base);
        }

        @Override
        public void watch(ExitListener listener) throws IOException {
            attachment.watch(exiting -> {}); // an exit writes to the thread's stack and control block, never to the arena
        }

        /** Of the threads only the numbers: what they have in memory is elsewhere. */
        @Override
        public List<FrozenThread> freeze() throws IOException {
            gate.close();
            return attachment.freeze().stream().map(t -> new FrozenThread(t.tid(), t.signal(), 0, 0, 0)).toList();
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

    /** A tracker of the arena's addresses. */
    private record FromZero(WriteTracker tracker, long base) implements WriteTracker {
        @Override
        public void enable() throws IOException {
            tracker.enable();
        }

        @Override
        public void register(AddressRange wanted) throws IOException {
            tracker.register(new AddressRange(wanted.start() + base, wanted.end() + base));
        }

        @Override
        public long protect(long start, long bytes) {
            return tracker.protect(start + base, bytes);
        }

        @Override
        public long unprotect(long start, long bytes) {
            return tracker.unprotect(start + base, bytes);
        }

        @Override
        public long wake(long start, long bytes) {
            return tracker.wake(start + base, bytes);
        }

        /** All addresses of a message are in two words of it; the flags of a fault are in the first. */
        @Override
        public int read(MemorySegment into) {
            int count = tracker.read(into);
            for (int i = 0; i < count; i++) {
                long at = (long) i * Userfaultfd.MESSAGE_BYTES;
                if (Userfaultfd.messageEvent(into, i) != Userfaultfd.Event.FAULT) {
                    into.set(JAVA_LONG_UNALIGNED, at + 8, into.get(JAVA_LONG_UNALIGNED, at + 8) - base);
                }
                into.set(JAVA_LONG_UNALIGNED, at + 16, into.get(JAVA_LONG_UNALIGNED, at + 16) - base);
            }
            return count;
        }

        @Override
        public void await(long timeoutNanos) {
            tracker.await(timeoutNanos);
        }

        @Override
        public void close() {
            tracker.close();
        }
    }
}
