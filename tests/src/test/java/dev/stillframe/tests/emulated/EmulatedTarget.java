package dev.stillframe.tests.emulated;

import dev.stillframe.engine.instant.Missing;
import dev.stillframe.engine.instant.Source;
import dev.stillframe.engine.instant.ThreadState;
import dev.stillframe.engine.linux.Errno;
import dev.stillframe.engine.linux.ErrnoException;
import dev.stillframe.engine.linux.NativeMemory;
import dev.stillframe.engine.linux.PagemapScan;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.memory.FileReference;
import dev.stillframe.engine.memory.MemoryFile;
import dev.stillframe.engine.mmu.BlockingTask;
import dev.stillframe.engine.mmu.EmulatedProcess;
import dev.stillframe.engine.mmu.Mapped;
import dev.stillframe.engine.mmu.Mmu;
import dev.stillframe.engine.mmu.Outcome;
import dev.stillframe.engine.mmu.PageScan;
import dev.stillframe.engine.mmu.SharedObject;
import dev.stillframe.engine.mmu.Userfault;
import dev.stillframe.engine.process.Attachment;
import dev.stillframe.engine.process.EndedChildren;
import dev.stillframe.engine.process.FrozenThread;
import dev.stillframe.engine.process.Mapping;
import dev.stillframe.engine.process.OpenDescriptor;
import dev.stillframe.engine.process.Probe;
import dev.stillframe.engine.process.ProtectionView;
import dev.stillframe.engine.process.Target;
import dev.stillframe.engine.tracking.WriteMarks;
import dev.stillframe.engine.tracking.WriteTracker;
import io.micrometer.core.instrument.Clock;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;

/**
 * A process of the emulated MMU as a target. It is read by another process of the model, as
 * process_vm_readv(2) would, so that the rule of copy-on-write under test applies to what the
 * engine itself does. Thread-safe.
 */
public final class EmulatedTarget implements Target {
    /** A read waits only where the rule makes the handler fault on itself. */
    private static final Duration READ_PATIENCE = Duration.ofSeconds(2);

    private final Mmu mmu;
    private final EmulatedThreads threads;
    private final EmulatedProcess process;
    private final EmulatedProcess observer;

    /** The process of {@code threads}; {@code mmu} is where it lives. */
    public EmulatedTarget(Mmu mmu, EmulatedThreads threads) {
        this.mmu = mmu;
        this.threads = threads;
        this.process = threads.process();
        this.observer = mmu.newProcess();
    }

    @Override
    public Attachment attach(Probe probe, Clock clock) {
        return new Hold(clock);
    }

    @Override
    public List<Mapping> mappings() {
        return process.mappings().stream().map(EmulatedTarget::mapping).toList();
    }

    private static Mapping mapping(Mapped mapped) {
        SharedObject object = mapped.object();
        String name =
                object == null
                        ? ""
                        : object.isRegularFile()
                                ? "/emulated/file-" + object.number()
                                : "/memfd:emulated (deleted)";
        return new Mapping(
                new AddressRange(mapped.start(), mapped.end()),
                (mapped.readable() ? "r" : "-")
                        + (mapped.writable() ? "w" : "-")
                        + "-"
                        + (mapped.shared() ? "s" : "p"),
                mapped.objectOffset(),
                object == null ? "00:00" : "00:01",
                object == null ? 0 : object.number(),
                name);
    }

    @Override
    public Map<Long, Set<String>> mappingFlags() {
        Map<Long, Set<String>> flags = new HashMap<>();
        process.mappings()
                .forEach(m -> flags.put(m.start(), m.isTracked() ? Set.of("uw") : Set.of()));
        return flags;
    }

    @Override
    public long read(long address, long length, long into) {
        byte[] bytes = new byte[Math.toIntExact(length)];
        long count = copy(address, bytes);
        if (count > 0) {
            NativeMemory.put(into, bytes);
        }
        return count;
    }

    @Override
    public byte[] read(long address, int length) throws IOException {
        byte[] bytes = new byte[length];
        long count = copy(address, bytes);
        if (count != length) {
            throw new ErrnoException(
                    "read of %d bytes at %x (emulated)".formatted(length, address),
                    count < 0 ? (int) -count : Errno.EFAULT.number());
        }
        return bytes;
    }

    private long copy(long address, byte[] into) {
        if (!process.isAlive()) {
            return -Errno.ESRCH.number();
        }
        try {
            BlockingTask reader = new BlockingTask(observer.newTask(), READ_PATIENCE, Clock.SYSTEM);
            Outcome outcome =
                    reader.run(task -> task.transfers().processRead(process, address, into));
            if (outcome instanceof Outcome.Done(long value)) {
                return value;
            }
            throw new IllegalStateException("a read ended as " + outcome);
        } catch (TimeoutException e) {
            throw new IllegalStateException(
                    "the handler waits for itself: a read is told as a write", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return -Errno.EINTR.number();
        }
    }

    @Override
    public void scan(long start, long end, PagemapScan.Query query, PagemapScan.Visitor visitor)
            throws IOException {
        scan(start, end, query, 0, visitor);
    }

    private void scan(
            long start, long end, PagemapScan.Query query, long flags, PagemapScan.Visitor visitor)
            throws IOException {
        long excluded = query.excluded() & ~PagemapScan.GUARD; // which the model knows nothing of
        PageScan.Result found =
                process.scan(
                        new PageScan.Request(
                                start,
                                end,
                                flags,
                                Integer.MAX_VALUE,
                                0,
                                excluded,
                                query.required() | excluded,
                                query.anyOf(),
                                query.report()));
        if (found.result() < 0) {
            throw new ErrnoException("PAGEMAP_SCAN (emulated)", (int) -found.result());
        }
        found.regions()
                .forEach(
                        region -> visitor.visit(region.start(), region.end(), region.categories()));
    }

    @Override
    public ProtectionView protection() {
        return new ProtectionView() {
            @Override
            public boolean isWhole(long start, long bytes) throws IOException {
                long[] seen = new long[1];
                scan(
                        start,
                        start + bytes,
                        PagemapScan.PROTECTED,
                        (from, to, categories) -> seen[0] += to - from);
                return seen[0] == bytes;
            }

            @Override
            public void close() {}
        };
    }

    @Override
    public MemoryFile open(Mapping mapping) {
        for (Mapped mapped : process.mappings()) {
            SharedObject object = mapped.object();
            if (object != null && object.number() == mapping.inode()) {
                return new ObjectFile(object);
            }
        }
        throw new IllegalArgumentException("nothing is mapped at " + mapping.range());
    }

    private record ObjectFile(SharedObject object) implements MemoryFile {
        @Override
        public long read(long address, long length, long offset) {
            NativeMemory.put(address, object.read(offset, Math.toIntExact(length)));
            return length;
        }

        @Override
        public long nextData(long offset) {
            return object.nextData(offset);
        }

        @Override
        public long nextHole(long offset) {
            return object.nextHole(offset);
        }

        /** Nobody asks: see {@link EmulatedTarget#openDescriptors}. */
        @Override
        public State state() {
            return new State(0, Instant.EPOCH);
        }

        @Override
        public void close() {}
    }

    @Override
    public FileReference fileOf(Mapping mapping) {
        return new FileReference(mapping.name(), mapping.inode(), -1, -1, null);
    }

    /** There is no other way to its memory than a mapping. */
    @Override
    public List<OpenDescriptor> openDescriptors(List<Mapping> shown) {
        return List.of();
    }

    @Override
    public EndedChildren endedChildren() {
        return EndedChildren.NONE;
    }

    @Override
    public List<Missing> sharedElsewhere(List<Mapping> shown) {
        return List.of();
    }

    @Override
    public long residentBytes() throws IOException {
        long[] bytes = new long[1];
        PagemapScan.Query present =
                new PagemapScan.Query(PagemapScan.PRESENT, 0, 0, PagemapScan.PRESENT);
        for (Mapping mapping : mappings()) {
            scan(
                    mapping.range().start(),
                    mapping.range().end(),
                    present,
                    (start, end, categories) -> bytes[0] += end - start);
        }
        return bytes[0];
    }

    @Override
    public int threadCount() {
        return process.tasks().size();
    }

    @Override
    public byte[] auxv() {
        return new byte[0];
    }

    @Override
    public Source source() {
        return new Source(process.id(), 0, 0, 0, 0, 0, "emulated", List.of(), "", "", "", "");
    }

    @Override
    public void close() {}

    private final class Hold implements Attachment {
        private final Clock clock;
        private boolean stopped;

        Hold(Clock clock) {
            this.clock = clock;
        }

        @Override
        public WriteTracker tracker() {
            try (Userfault own = process.userfaultfd()) {
                return new EmulatedTracker(
                        mmu, own.sendTo(observer)); // who faults must not be who holds it
            }
        }

        @Override
        public WriteMarks marks() {
            try (Userfault own = process.userfaultfd()) {
                return new EmulatedMarks(mmu, own.sendTo(observer), EmulatedTarget.this::scan);
            }
        }

        @Override
        public void watch(ExitListener listener, Consumer<Throwable> lost) {
            threads.watch(listener);
        }

        @Override
        public Standing freeze(Duration budget) throws IOException {
            long since = clock.monotonicTime();
            threads.stop();
            stopped = true;
            return new Standing(
                    process.tasks().stream()
                            .map(task -> new FrozenThread(task.id(), 0, 0, 0, 0))
                            .toList(),
                    since);
        }

        @Override
        public List<ThreadState> states() {
            byte[] none = new byte[0];
            return process.tasks().stream()
                    .map(task -> new ThreadState(task.id(), "emulated", 0, 0, none, none, none))
                    .toList();
        }

        @Override
        public void thaw() {
            if (stopped) {
                stopped = false;
                threads.resume();
            }
        }

        @Override
        public void close() {
            thaw();
            threads.watch(exiting -> {});
        }
    }
}
