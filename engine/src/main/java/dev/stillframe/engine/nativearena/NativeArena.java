package dev.stillframe.engine.nativearena;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import dev.stillframe.engine.arena.ArenaException;
import dev.stillframe.engine.arena.ArenaOptions;
import dev.stillframe.engine.arena.ArenaRange;
import dev.stillframe.engine.arena.ArenaReport;
import dev.stillframe.engine.arena.ArenaRestore;
import dev.stillframe.engine.arena.ArenaTurn;
import dev.stillframe.engine.arena.MemoryArena;
import dev.stillframe.engine.arena.MemoryRange;
import dev.stillframe.engine.capture.SnapshotOptions;
import dev.stillframe.engine.capture.SnapshotReport;
import dev.stillframe.engine.linux.ErrnoException;
import dev.stillframe.engine.linux.SharedMemory;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.page.PageSink;
import io.micrometer.core.instrument.Clock;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.StampedLock;
import org.jspecify.annotations.Nullable;

/**
 * An arena that the kernel protects: memory of a memfd, written by plain stores, through {@link
 * #segment} as well as through the methods. It costs nothing while no snapshot is taken, unless it
 * is {@link #watched}. While a whole one is, the first write to a page waits until a process of our
 * own has copied it; that process is started at the first snapshot, holds the only descriptor that
 * protects the memory, and ends with this arena. If it is killed, writers go on, the snapshot
 * fails, and the next one starts another.
 *
 * <p>Needs Linux, userfaultfd, and the right of the child to trace this process. Thread-safe.
 *
 * <p>T0 stops every thread of this program for milliseconds: a number is in the image whole or not
 * at all, as is what one call or a {@link #unit} writes through the methods; a copy to {@link
 * #segment} of more than a number can be split.
 */
public final class NativeArena implements MemoryArena {
    private static final long MOST_PAGES = 1 << 30;
    private static final VarHandle INT = JAVA_INT.varHandle();
    private static final VarHandle LONG = JAVA_LONG.varHandle();

    private final String name;
    private final Clock clock;
    private final SharedMemory memory;
    private final MemorySegment segment;
    private final ArenaTurn turn;
    private final AtomicInteger epoch = new AtomicInteger();

    /** Null if this arena is not watched between snapshots. */
    private final @Nullable PageHistory history;

    /** Held for reading by writes that belong together, for writing at T0. */
    private final StampedLock gate = new StampedLock();

    private final ThreadLocal<Boolean> inUnit = new ThreadLocal<>();

    /** Changed only by whoever has the turn. */
    private volatile @Nullable HandlerProcess handler;

    /** Changed only by whoever has the turn. */
    private volatile @Nullable WriteWatch watch;

    private NativeArena(String name, SharedMemory memory, boolean watched, Clock clock) {
        this.name = name;
        this.clock = clock;
        this.turn = new ArenaTurn(name);
        this.memory = memory;
        this.segment = memory.segment();
        this.history = watched ? new PageHistory(pages()) : null;
    }

    /**
     * An arena of zeros, which is not watched between snapshots.
     *
     * @param name says in images what this is; any text
     * @param sizeBytes a positive multiple of {@link #PAGE_BYTES}
     * @throws IOException if the kernel has no such memory
     */
    public static NativeArena create(String name, long sizeBytes) throws IOException {
        return create(name, sizeBytes, Clock.SYSTEM);
    }

    /** The same with the time of {@code clock}. */
    public static NativeArena create(String name, long sizeBytes, Clock clock) throws IOException {
        return create(name, sizeBytes, false, clock);
    }

    /**
     * The same, but from the first snapshot on the kernel marks what is written, so that {@link
     * #snapshotSince} works. That costs a microsecond or two at the first write to a page after
     * each snapshot, 20 bytes a page, and at the end of each whole snapshot a look at all pages. A
     * process whose memory is watched cannot be captured from outside.
     *
     * @throws IOException if the kernel has no such memory. Whether it can watch is seen at the
     *     first {@link #snapshotSince}
     */
    public static NativeArena watched(String name, long sizeBytes) throws IOException {
        return watched(name, sizeBytes, Clock.SYSTEM);
    }

    /** The same with the time of {@code clock}. */
    public static NativeArena watched(String name, long sizeBytes, Clock clock) throws IOException {
        return create(name, sizeBytes, true, clock);
    }

    private static NativeArena create(String name, long sizeBytes, boolean watched, Clock clock)
            throws IOException {
        if (sizeBytes <= 0 || sizeBytes % PAGE_BYTES != 0 || sizeBytes / PAGE_BYTES > MOST_PAGES) {
            throw new IllegalArgumentException(
                    "an arena of %d bytes; it must be a positive multiple of %d"
                            .formatted(sizeBytes, PAGE_BYTES));
        }
        try {
            return new NativeArena(
                    name, SharedMemory.create("stillframe-arena", sizeBytes), watched, clock);
        } catch (ErrnoException e) {
            throw new ArenaException(
                    "no arena of %d bytes: %s".formatted(sizeBytes, e.getMessage()), e);
        }
    }

    /** The memory itself, to read and write. It ends with the arena. */
    public MemorySegment segment() {
        return segment;
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public long sizeBytes() {
        return segment.byteSize();
    }

    @Override
    public byte getByte(long offset) {
        return segment.get(JAVA_BYTE, offset);
    }

    @Override
    public void putByte(long offset, byte value) {
        segment.set(JAVA_BYTE, offset, value);
    }

    @Override
    public short getShort(long offset) {
        return segment.get(JAVA_SHORT, offset);
    }

    @Override
    public void putShort(long offset, short value) {
        segment.set(JAVA_SHORT, offset, value);
    }

    @Override
    public int getInt(long offset) {
        return segment.get(JAVA_INT, offset);
    }

    @Override
    public void putInt(long offset, int value) {
        segment.set(JAVA_INT, offset, value);
    }

    @Override
    public long getLong(long offset) {
        return segment.get(JAVA_LONG, offset);
    }

    @Override
    public void putLong(long offset, long value) {
        segment.set(JAVA_LONG, offset, value);
    }

    @Override
    public int getIntVolatile(long offset) {
        return (int) INT.getVolatile(segment, offset);
    }

    @Override
    public void putIntVolatile(long offset, int value) {
        INT.setVolatile(segment, offset, value);
    }

    @Override
    public long getLongVolatile(long offset) {
        return (long) LONG.getVolatile(segment, offset);
    }

    @Override
    public void putLongVolatile(long offset, long value) {
        LONG.setVolatile(segment, offset, value);
    }

    @Override
    public boolean compareAndSetInt(long offset, int expected, int value) {
        return INT.compareAndSet(segment, offset, expected, value);
    }

    @Override
    public boolean compareAndSetLong(long offset, long expected, long value) {
        return LONG.compareAndSet(segment, offset, expected, value);
    }

    @Override
    public int getAndAddInt(long offset, int delta) {
        return (int) INT.getAndAdd(segment, offset, delta);
    }

    @Override
    public long getAndAddLong(long offset, long delta) {
        return (long) LONG.getAndAdd(segment, offset, delta);
    }

    @Override
    public void get(long offset, MemorySegment into) {
        MemorySegment.copy(segment, offset, into, 0, into.byteSize());
    }

    @Override
    public void put(long offset, MemorySegment from) {
        unit(() -> MemorySegment.copy(from, 0, segment, offset, from.byteSize()));
    }

    @Override
    public void fill(long offset, long size, byte value) {
        unit(() -> segment.asSlice(offset, size).fill(value));
    }

    @Override
    public void copy(long fromOffset, long toOffset, long size) {
        unit(() -> MemorySegment.copy(segment, fromOffset, segment, toOffset, size));
    }

    @Override
    public MemoryRange range(long offset, long size) {
        segment.asSlice(offset, size); // checks
        return new ArenaRange(this, offset, size);
    }

    @Override
    public MemorySegment reading() {
        return segment.asReadOnly();
    }

    @Override
    public void unit(Runnable writes) {
        if (inUnit.get() != null) {
            writes.run();
            return;
        }
        long stamp = gate.readLock();
        try {
            inUnit.set(true);
            writes.run();
        } finally {
            inUnit.remove();
            gate.unlockRead(stamp);
        }
    }

    /**
     * As {@link MemoryArena#snapshot} says. The child holds at most as many pages as the arena has
     * in use, so that no writer ever waits for the sink; {@link ArenaOptions#stagingBytes} does not
     * matter.
     */
    @Override
    public ArenaReport snapshot(PageSink sink, ArenaOptions options) throws IOException {
        try (sink) {
            begin("a snapshot");
            boolean taken = false;
            try {
                PageHistory known = history;
                ArenaReport report =
                        known == null ? take(sink, options) : takeWatched(known, sink, options);
                taken = true;
                return report;
            } finally {
                try {
                    if (!taken) {
                        endHandler();
                    }
                } finally {
                    turn.end();
                }
            }
        }
    }

    /**
     * As {@link MemoryArena#snapshotSince} says, of an arena that is {@link #watched}. No writer
     * waits for a page; the threads stand while those pages are copied that were written in the
     * last moment before T0. What is copied is held in memory until the image is published, so that
     * {@code options} do not matter: nothing waits for the sink but this call.
     *
     * @throws ArenaException if the arena could not be watched since the last snapshot and cannot
     *     be now; the message says why
     */
    @Override
    public ArenaReport snapshotSince(ArenaReport parent, PageSink sink, ArenaOptions options)
            throws IOException {
        try (sink) {
            PageHistory known = history;
            if (known == null) {
                throw new UnsupportedOperationException(
                        "arena %s is not watched between snapshots: take a whole one, or make the arena by watched()"
                                .formatted(name));
            }
            begin("a snapshot");
            try {
                known.checkParent(parent, this);
                return takeChanges(known, parent, sink);
            } finally {
                turn.end();
            }
        }
    }

    private ArenaReport takeChanges(PageHistory known, ArenaReport parent, PageSink sink)
            throws IOException {
        try (ChangesSnapshot changes =
                new ChangesSnapshot(this, segment, known, parent, sink, clock)) {
            try (sink) { // before the copies, which it may still hold
                boolean taken = false;
                try {
                    WriteWatch marks = watching(known);
                    HandlerProcess stopper = startedHandler();
                    ArenaReport report =
                            changes.take(
                                    marks,
                                    (copies, written) -> stopper.copyWritten(gate, copies, written),
                                    epoch.incrementAndGet());
                    taken = true;
                    return report;
                } catch (IOException | RuntimeException | Error e) {
                    sink.abort(String.valueOf(e.getMessage()));
                    throw e;
                } finally {
                    if (!taken) {
                        endWatch(); // it may have told what nobody kept; the next one begins with a
                        // comparison
                        endHandler();
                    }
                }
            }
        }
    }

    /** The watch, or a new one after a comparison of all pages with what they were. */
    private WriteWatch watching(PageHistory known) throws IOException {
        WriteWatch running = watch;
        if (running != null) {
            return running;
        }
        WriteWatch begun;
        try {
            begun = WriteWatch.start(range());
        } catch (ErrnoException e) {
            throw new ArenaException(
                    "arena %s is not being watched: %s".formatted(name, e.getMessage()), e);
        }
        try {
            known.compare(segment, memory.file());
        } catch (IOException | RuntimeException | Error e) {
            begun.close();
            throw e;
        }
        watch = begun;
        return begun;
    }

    private void endWatch() {
        WriteWatch ending = watch;
        watch = null;
        if (ending != null) {
            ending.close();
        }
    }

    private AddressRange range() {
        return new AddressRange(segment.address(), segment.address() + sizeBytes());
    }

    private int pages() {
        return Math.toIntExact(segment.byteSize() / PAGE_BYTES);
    }

    private HandlerProcess startedHandler() throws IOException {
        HandlerProcess now = handler;
        if (now == null || !now.isAlive()) {
            now = HandlerProcess.start(range(), name, clock);
            handler = now;
        }
        return now;
    }

    /**
     * A page can be in the care of one userfaultfd only, so nobody watches meanwhile; a comparison
     * makes up for that.
     */
    private ArenaReport takeWatched(PageHistory known, PageSink sink, ArenaOptions options)
            throws IOException {
        endWatch();
        PageContents contents = new PageContents(pages());
        ArenaReport report = take(new RecordingSink(sink, contents), options);
        known.published(report, contents);
        try {
            watching(known);
        } catch (IOException e) {
            // The image is published all the same. Who wants the changes since then tries again,
            // and is told if it fails.
            endWatch();
        }
        return report;
    }

    private ArenaReport take(PageSink sink, ArenaOptions options) throws IOException {
        HandlerProcess now = startedHandler();
        long started = clock.monotonicTime();
        long staging = sizeBytes() / 4 * 5 + SnapshotOptions.MIN_STAGING_BYTES;
        SnapshotReport report = now.take(sink, staging, options.stallTimeout(), gate);
        return new ArenaReport(
                report.image(),
                report.rootHash(),
                epoch.incrementAndGet(),
                report.captured().pages(),
                report.captured().zeroPages(),
                report.waits().faults(),
                report.times().armNanos(),
                report.times().captureNanos(),
                clock.monotonicTime() - started,
                report.waits().stagingNanos());
    }

    /**
     * Process id of the child that handles faults; -1 if none runs. For those who watch processes.
     */
    public long handlerPid() {
        HandlerProcess now = handler;
        return now != null && now.isAlive() ? now.pid() : -1;
    }

    private void endHandler() {
        HandlerProcess now = handler;
        handler = null;
        if (now != null) {
            now.close();
        }
    }

    @Override
    public void restore(Path image, Path... places) throws IOException {
        begin("a restore");
        try {
            ArenaRestore.run(this, image, List.of(places));
        } finally {
            turn.end();
        }
    }

    private void begin(String what) {
        if (inUnit.get() != null) {
            throw new IllegalStateException(
                    "%s of arena %s inside a unit of writes".formatted(what, name));
        }
        if (!segment.scope().isAlive()) {
            throw new IllegalStateException("arena " + name + " is closed");
        }
        turn.begin(what);
    }

    @Override
    public void close() {
        if (turn.close()) {
            boolean closed = false;
            try {
                endWatch();
                endHandler();
                memory.close();
                closed = true;
            } finally {
                if (!closed) {
                    turn.end(); // it can be closed again
                }
            }
        }
    }

    @Override
    public String toString() {
        return "arena " + name;
    }
}
