package dev.stillframe.engine.process;

import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import dev.stillframe.engine.instant.Missing;
import dev.stillframe.engine.instant.ThreadState;
import dev.stillframe.engine.linux.PagemapScan;
import dev.stillframe.engine.linux.Userfaultfd;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.memory.FileReference;
import dev.stillframe.engine.memory.MemoryFile;
import dev.stillframe.engine.tracking.WriteMarks;
import dev.stillframe.engine.tracking.WriteTracker;
import io.micrometer.core.instrument.Clock;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Consumer;

/**
 * Some of a process's memory as a target of its own, at addresses of its own: an arena from 0 on,
 * the RAM of a virtual machine one block behind the other. Whatever else the process has is not
 * part of it.
 */
public abstract class Windows implements Target {
    private final Target process;
    private final Window[] windows;

    /**
     * A part that is seen. Immutable.
     *
     * @param range where it is seen, aligned to pages
     * @param processStart where it is in the process, aligned to pages
     */
    public record Window(AddressRange range, long processStart) {
        private long delta() {
            return processStart - range.start();
        }

        private AddressRange inProcess() {
            return new AddressRange(processStart, processStart + range.sizeBytes());
        }
    }

    /**
     * Of {@code process}, which is closed with this.
     *
     * @param windows disjoint, at least one
     */
    protected Windows(Target process, List<Window> windows) {
        this.process = process;
        this.windows =
                windows.stream()
                        .sorted(Comparator.comparingLong(w -> w.range().start()))
                        .toArray(Window[]::new);
    }

    /** The process behind the windows. */
    protected Target process() {
        return process;
    }

    /**
     * How the memory is held still for the instant, given the hold on the process; its tracker is
     * not asked for.
     */
    protected abstract Attachment hold(Attachment process) throws IOException;

    @Override
    public Attachment attach(Probe probe, Clock clock) throws IOException {
        Attachment real = process.attach(probe, clock);
        return new Hold(real, hold(real));
    }

    @Override
    public boolean canBeMadeToWait() throws IOException {
        return process.canBeMadeToWait();
    }

    @Override
    public void refuseOwnUserfaultfd() throws IOException {
        process.refuseOwnUserfaultfd();
    }

    @Override
    public List<Mapping> mappings() throws IOException {
        List<Mapping> real = process.mappings();
        List<Mapping> seen = new ArrayList<>();
        for (Window window : windows) {
            for (Mapping mapping : real) {
                if (mapping.range().overlaps(window.inProcess())) {
                    seen.add(seen(mapping, window));
                }
            }
        }
        return seen;
    }

    private static Mapping seen(Mapping real, Window window) {
        long start = Math.max(real.range().start(), window.processStart());
        long end = Math.min(real.range().end(), window.inProcess().end());
        return new Mapping(
                new AddressRange(start - window.delta(), end - window.delta()),
                real.protection(),
                real.offset() + start - real.range().start(),
                real.device(),
                real.inode(),
                real.name());
    }

    @Override
    public Map<Long, Set<String>> mappingFlags() throws IOException {
        TreeMap<Long, Set<String>> real = new TreeMap<>(process.mappingFlags());
        TreeMap<Long, Set<String>> seen = new TreeMap<>();
        for (Mapping mapping : mappings()) {
            Map.Entry<Long, Set<String>> flags =
                    real.floorEntry(inProcess(mapping.range().start()));
            if (flags != null) {
                seen.put(mapping.range().start(), flags.getValue());
            }
        }
        return seen;
    }

    @Override
    public long read(long address, long length, long into) {
        return process.read(inProcess(address), length, into);
    }

    @Override
    public void makeWritable(long address, long length) {
        process.makeWritable(inProcess(address), length);
    }

    @Override
    public boolean makeHuge(long address) {
        return process.makeHuge(inProcess(address));
    }

    @Override
    public byte[] read(long address, int length) throws IOException {
        return process.read(inProcess(address), length);
    }

    @Override
    public void scan(long start, long end, PagemapScan.Query query, PagemapScan.Visitor visitor)
            throws IOException {
        long delta = window(start).delta();
        process.scan(
                start + delta,
                end + delta,
                query,
                (from, to, categories) -> visitor.visit(from - delta, to - delta, categories));
    }

    @Override
    public ProtectionView protection() throws IOException {
        ProtectionView real = process.protection();
        return new ProtectionView() {
            @Override
            public boolean isWhole(long start, long bytes) throws IOException {
                return real.isWhole(inProcess(start), bytes);
            }

            @Override
            public void close() {
                real.close();
            }
        };
    }

    @Override
    public MemoryFile open(Mapping mapping) throws IOException {
        return process.open(real(mapping));
    }

    @Override
    public FileReference fileOf(Mapping mapping) {
        try {
            return process.fileOf(real(mapping));
        } catch (IOException e) {
            return new FileReference(mapping.name(), mapping.inode(), -1, -1, null);
        }
    }

    private Mapping real(Mapping seen) throws IOException {
        long start = inProcess(seen.range().start());
        for (Mapping real : process.mappings()) {
            if (real.range().contains(start)) {
                return real;
            }
        }
        throw new TargetException(
                "%s, seen at %s, is not mapped any more".formatted(seen.name(), seen.range()));
    }

    /** Also by the process itself, where no window shows it. */
    @Override
    public List<Missing> sharedElsewhere(List<Mapping> shown) throws IOException {
        List<Missing> found = new ArrayList<>(process.sharedElsewhere(shown));
        List<Mapping> outside = process.mappings().stream().filter(this::isOutside).toList();
        found.addAll(SharedElsewhere.compare(shown, outside, "the process itself"));
        return found;
    }

    @Override
    public List<OpenDescriptor> openDescriptors(List<Mapping> shown) throws IOException {
        return process.openDescriptors(shown);
    }

    /**
     * What the windows show is a machine's memory, or an arena's: the process does nothing else
     * with it.
     */
    @Override
    public boolean writesByMappingsOnly() {
        return true;
    }

    @Override
    public EndedChildren endedChildren() throws IOException {
        return process.endedChildren();
    }

    private boolean isOutside(Mapping real) {
        for (Window window : windows) {
            if (real.range().overlaps(window.inProcess())) {
                return false;
            }
        }
        return true;
    }

    @Override
    public long residentBytes() throws IOException {
        long bytes = 0;
        for (Window window : windows) {
            bytes += window.range().sizeBytes();
        }
        return Math.min(bytes, process.residentBytes());
    }

    @Override
    public int threadCount() throws IOException {
        return process.threadCount();
    }

    /** Of memory alone no program can be made. */
    @Override
    public byte[] auxv() {
        return new byte[0];
    }

    @Override
    public void close() {
        process.close();
    }

    private AddressRange inProcess(AddressRange range) {
        long delta = window(range.start()).delta();
        return new AddressRange(range.start() + delta, range.end() + delta);
    }

    private long inProcess(long address) {
        return address + window(address).delta();
    }

    /** The window of an address that is seen. Allocates nothing. */
    private Window window(long address) {
        for (Window window : windows) {
            if (window.range().contains(address)) {
                return window;
            }
        }
        throw new IllegalArgumentException("nothing is seen at " + Long.toHexString(address));
    }

    /** The process's tracker, and whatever else holds the memory still. */
    private final class Hold implements Attachment {
        private final Attachment real;
        private final Attachment still;

        Hold(Attachment real, Attachment still) {
            this.real = real;
            this.still = still;
        }

        @Override
        public WriteTracker tracker() throws IOException {
            return new Tracker(real.tracker());
        }

        @Override
        public WriteMarks marks() throws IOException {
            return new Marks(real.marks());
        }

        @Override
        public void watch(ExitListener listener, Consumer<Throwable> lost) throws IOException {
            still.watch(listener, lost);
        }

        @Override
        public Standing freeze(Duration budget) throws IOException {
            return still.freeze(budget);
        }

        @Override
        public List<ThreadState> states() throws IOException {
            return still.states();
        }

        @Override
        public void thaw() throws IOException {
            still.thaw();
        }

        @Override
        public void confirm() throws IOException {
            real.confirm();
            still.confirm();
        }

        @Override
        public void close() {
            try (real) {
                still.close();
            }
        }
    }

    /** Marks of what is seen. */
    private final class Marks implements WriteMarks {
        private final WriteMarks real;

        Marks(WriteMarks real) {
            this.real = real;
        }

        @Override
        public void enable() throws IOException {
            real.enable();
        }

        @Override
        public void register(AddressRange wanted) throws IOException {
            real.register(inProcess(wanted));
        }

        @Override
        public long unregister(long start, long bytes) {
            return real.unregister(inProcess(start), bytes);
        }

        @Override
        public void take(long start, long end, PagemapScan.Query query, PagemapScan.Visitor visitor)
                throws IOException {
            long delta = window(start).delta();
            real.take(
                    start + delta,
                    end + delta,
                    query,
                    (from, to, categories) -> visitor.visit(from - delta, to - delta, categories));
        }

        @Override
        public void close() {
            real.close();
        }
    }

    /** A tracker of what is seen. */
    private final class Tracker implements WriteTracker {
        private final WriteTracker real;

        Tracker(WriteTracker real) {
            this.real = real;
        }

        @Override
        public void enable() throws IOException {
            real.enable();
        }

        @Override
        public void register(AddressRange wanted) throws IOException {
            real.register(inProcess(wanted));
        }

        @Override
        public long unregister(long start, long bytes) {
            return real.unregister(inProcess(start), bytes);
        }

        @Override
        public long protect(long start, long bytes) {
            return real.protect(inProcess(start), bytes);
        }

        @Override
        public long unprotect(long start, long bytes) {
            return real.unprotect(inProcess(start), bytes);
        }

        @Override
        public long wake(long start, long bytes) {
            return real.wake(inProcess(start), bytes);
        }

        /**
         * All addresses of a message are in two words of it; the flags of a fault are in the first.
         */
        @Override
        public int read(MemorySegment into) {
            int count = real.read(into);
            for (int i = 0; i < count; i++) {
                long delta = deltaOf(Userfaultfd.messageStart(into, i));
                long at = (long) i * Userfaultfd.MESSAGE_BYTES;
                if (Userfaultfd.messageEvent(into, i) != Userfaultfd.Event.FAULT) {
                    into.set(
                            JAVA_LONG_UNALIGNED,
                            at + 8,
                            into.get(JAVA_LONG_UNALIGNED, at + 8) - delta);
                }
                into.set(
                        JAVA_LONG_UNALIGNED,
                        at + 16,
                        into.get(JAVA_LONG_UNALIGNED, at + 16) - delta);
            }
            return count;
        }

        /**
         * Of an address in the process; where an event begins before a window, the delta of the
         * next one.
         */
        private long deltaOf(long address) {
            Window next = null;
            for (Window window : windows) {
                long behind = window.processStart() + window.range().sizeBytes();
                if (address < behind
                        && (next == null || window.processStart() < next.processStart())) {
                    next = window;
                }
            }
            return next == null ? 0 : next.delta();
        }

        @Override
        public void await(long timeoutNanos) {
            real.await(timeoutNanos);
        }

        @Override
        public void release() throws IOException {
            real.release();
        }

        @Override
        public void close() {
            real.close();
        }
    }
}
