package dev.stillframe.engine.arena;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import dev.stillframe.engine.page.PageSink;
import dev.stillframe.engine.staging.PageLedger;
import io.micrometer.core.instrument.Clock;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;
import java.nio.file.Path;
import java.util.List;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** The arena whose writes go through a {@link WriteBarrier}. Thread-safe. */
final class EmulatedArena implements MemoryArena {
    private static final int PAGE_SHIFT = Integer.numberOfTrailingZeros(PAGE_BYTES);
    private static final VarHandle INT = JAVA_INT.varHandle();
    private static final VarHandle LONG = JAVA_LONG.varHandle();

    /** So far back an image may be to be a parent. */
    private static final int MOST_PARENTS = 1000;

    private final String name;
    private final long sizeBytes;
    private final Clock clock;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment memory;
    private final WriteBarrier barrier;

    /** Root hashes of the images that were published, by epoch. Whoever has the turn owns it. */
    private final TreeMap<Integer, String> published = new TreeMap<>();

    /**
     * What the newest image has, 24 bytes a page; null before the first. Whoever has the turn owns
     * it.
     */
    private @Nullable PageLedger newest;

    private final ArenaTurn turn;
    private final Consumer<String> steps;

    /**
     * {@code steps} is told of each step of a snapshot before it is taken; for tests, which let it
     * fail.
     */
    EmulatedArena(String name, long sizeBytes, Clock clock, Consumer<String> steps) {
        if (sizeBytes <= 0
                || sizeBytes % PAGE_BYTES != 0
                || sizeBytes >> PAGE_SHIFT > Integer.MAX_VALUE - 8) {
            throw new IllegalArgumentException(
                    "an arena of %d bytes; it must be a positive multiple of %d"
                            .formatted(sizeBytes, PAGE_BYTES));
        }
        this.name = name;
        this.clock = clock;
        this.steps = steps;
        turn = new ArenaTurn(name);
        this.sizeBytes = sizeBytes;
        memory = arena.allocate(sizeBytes, PAGE_BYTES);
        barrier = new WriteBarrier((int) (sizeBytes >> PAGE_SHIFT), clock);
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public long sizeBytes() {
        return sizeBytes;
    }

    /** The time of its snapshots. */
    Clock clock() {
        return clock;
    }

    @Override
    public byte getByte(long offset) {
        try {
            return memory.get(JAVA_BYTE, offset);
        } catch (RuntimeException e) {
            throw refused(offset, Byte.BYTES, e);
        }
    }

    @Override
    public void putByte(long offset, byte value) {
        long[] slot = WriterSlots.mine();
        if (barrier.begin(slot, page(offset))) {
            try {
                memory.set(JAVA_BYTE, offset, value);
            } catch (RuntimeException e) {
                throw refused(offset, Byte.BYTES, e);
            } finally {
                WriterSlots.leave(slot);
            }
        } else {
            writeLocked(check(offset, Byte.BYTES), () -> memory.set(JAVA_BYTE, offset, value));
        }
    }

    @Override
    public short getShort(long offset) {
        try {
            return memory.get(JAVA_SHORT, offset);
        } catch (RuntimeException e) {
            throw refused(offset, Short.BYTES, e);
        }
    }

    @Override
    public void putShort(long offset, short value) {
        long[] slot = WriterSlots.mine();
        if (barrier.begin(slot, page(offset))) {
            try {
                memory.set(JAVA_SHORT, offset, value);
            } catch (RuntimeException e) {
                throw refused(offset, Short.BYTES, e);
            } finally {
                WriterSlots.leave(slot);
            }
        } else {
            writeLocked(check(offset, Short.BYTES), () -> memory.set(JAVA_SHORT, offset, value));
        }
    }

    @Override
    public int getInt(long offset) {
        try {
            return memory.get(JAVA_INT, offset);
        } catch (RuntimeException e) {
            throw refused(offset, Integer.BYTES, e);
        }
    }

    @Override
    public void putInt(long offset, int value) {
        long[] slot = WriterSlots.mine();
        if (barrier.begin(slot, page(offset))) {
            try {
                memory.set(JAVA_INT, offset, value);
            } catch (RuntimeException e) {
                throw refused(offset, Integer.BYTES, e);
            } finally {
                WriterSlots.leave(slot);
            }
        } else {
            writeLocked(check(offset, Integer.BYTES), () -> memory.set(JAVA_INT, offset, value));
        }
    }

    @Override
    public long getLong(long offset) {
        try {
            return memory.get(JAVA_LONG, offset);
        } catch (RuntimeException e) {
            throw refused(offset, Long.BYTES, e);
        }
    }

    @Override
    public void putLong(long offset, long value) {
        long[] slot = WriterSlots.mine();
        if (barrier.begin(slot, page(offset))) {
            try {
                memory.set(JAVA_LONG, offset, value);
            } catch (RuntimeException e) {
                throw refused(offset, Long.BYTES, e);
            } finally {
                WriterSlots.leave(slot);
            }
        } else {
            writeLocked(check(offset, Long.BYTES), () -> memory.set(JAVA_LONG, offset, value));
        }
    }

    @Override
    public int getIntVolatile(long offset) {
        try {
            return (int) INT.getVolatile(memory, offset);
        } catch (RuntimeException e) {
            throw refused(offset, Integer.BYTES, e);
        }
    }

    @Override
    public void putIntVolatile(long offset, int value) {
        write(check(offset, Integer.BYTES), () -> INT.setVolatile(memory, offset, value));
    }

    @Override
    public long getLongVolatile(long offset) {
        try {
            return (long) LONG.getVolatile(memory, offset);
        } catch (RuntimeException e) {
            throw refused(offset, Long.BYTES, e);
        }
    }

    @Override
    public void putLongVolatile(long offset, long value) {
        write(check(offset, Long.BYTES), () -> LONG.setVolatile(memory, offset, value));
    }

    @Override
    public boolean compareAndSetInt(long offset, int expected, int value) {
        Found found = new Found();
        write(
                check(offset, Integer.BYTES),
                () -> found.value = INT.compareAndSet(memory, offset, expected, value) ? 1 : 0);
        return found.value != 0;
    }

    @Override
    public boolean compareAndSetLong(long offset, long expected, long value) {
        Found found = new Found();
        write(
                check(offset, Long.BYTES),
                () -> found.value = LONG.compareAndSet(memory, offset, expected, value) ? 1 : 0);
        return found.value != 0;
    }

    @Override
    public int getAndAddInt(long offset, int delta) {
        Found found = new Found();
        write(
                check(offset, Integer.BYTES),
                () -> found.value = (int) INT.getAndAdd(memory, offset, delta));
        return (int) found.value;
    }

    @Override
    public long getAndAddLong(long offset, long delta) {
        Found found = new Found();
        write(
                check(offset, Long.BYTES),
                () -> found.value = (long) LONG.getAndAdd(memory, offset, delta));
        return found.value;
    }

    /** What a write found; does not outlive its call, so that the compiler can do without it. */
    private static final class Found {
        long value;
    }

    @Override
    public void get(long offset, MemorySegment into) {
        checkRange(offset, into.byteSize());
        try {
            MemorySegment.copy(memory, offset, into, 0, into.byteSize());
        } catch (IllegalStateException e) {
            throw closed(e);
        }
    }

    @Override
    public void put(long offset, MemorySegment from) {
        checkRange(offset, from.byteSize());
        writePages(
                offset,
                from.byteSize(),
                (at, size) -> MemorySegment.copy(from, at - offset, memory, at, size));
    }

    @Override
    public void fill(long offset, long size, byte value) {
        checkRange(offset, size);
        writePages(offset, size, (at, part) -> memory.asSlice(at, part).fill(value));
    }

    @Override
    public void copy(long fromOffset, long toOffset, long size) {
        checkRange(fromOffset, size);
        checkRange(toOffset, size);
        long distance = fromOffset - toOffset;
        PagePart part = (at, bytes) -> MemorySegment.copy(memory, at + distance, memory, at, bytes);
        if (distance < 0 && -distance < size) {
            writePagesBackwards(toOffset, size, part);
        } else {
            writePages(toOffset, size, part);
        }
    }

    /** Stores the part of a write that is in one page. */
    @FunctionalInterface
    private interface PagePart {
        void store(long offset, long sizeBytes);
    }

    private void writePages(long offset, long size, PagePart part) {
        long end = offset + size;
        if (size == 0) {
            return;
        }
        if (page(offset) == page(end - 1)) {
            write(page(offset), () -> part.store(offset, size));
            return;
        }
        barrier.enterUnit();
        try {
            for (long at = offset; at < end; ) {
                long from = at;
                long bytes = Math.min(end, nextPage(at)) - at;
                write(page(at), () -> part.store(from, bytes));
                at += bytes;
            }
        } finally {
            barrier.leaveUnit();
        }
    }

    private void writePagesBackwards(long offset, long size, PagePart part) {
        barrier.enterUnit();
        try {
            for (long end = offset + size; end > offset; ) {
                long from = Math.max(offset, end - 1 & -PAGE_BYTES);
                long bytes = end - from;
                write(page(from), () -> part.store(from, bytes));
                end = from;
            }
        } finally {
            barrier.leaveUnit();
        }
    }

    private void write(int page, Runnable store) {
        long[] slot = WriterSlots.mine();
        if (barrier.begin(slot, page)) {
            try {
                store.run();
            } catch (IllegalStateException e) {
                throw closed(e);
            } finally {
                WriterSlots.leave(slot);
            }
        } else {
            writeLocked(page, store);
        }
    }

    private void writeLocked(int page, Runnable store) {
        if (!arena.scope().isAlive()) {
            throw closed(null);
        }
        try {
            barrier.write(page, store);
        } catch (IllegalStateException e) {
            throw closed(e);
        }
    }

    /** What the memory says after close, with the name. */
    private RuntimeException closed(@Nullable RuntimeException cause) {
        return cause == null || !arena.scope().isAlive()
                ? new IllegalStateException("arena " + name + " is closed", cause)
                : cause;
    }

    /** The page of an offset; of one that is outside, some number. */
    private static int page(long offset) {
        return (int) (offset >> PAGE_SHIFT);
    }

    private static long nextPage(long offset) {
        return (offset & -PAGE_BYTES) + PAGE_BYTES;
    }

    /** The page of an aligned number. */
    private int check(long offset, int bytes) {
        if (offset < 0 || offset > sizeBytes - bytes || (offset & (bytes - 1)) != 0) {
            throw refused(offset, bytes, null);
        }
        return page(offset);
    }

    /**
     * What is wrong with an access to a number, in our words; the memory itself has checked the
     * same.
     */
    private RuntimeException refused(long offset, int bytes, @Nullable RuntimeException cause) {
        checkRange(offset, bytes);
        if ((offset & (bytes - 1)) == 0) {
            return closed(cause);
        }
        return new IllegalArgumentException(
                "%d bytes at offset 0x%x of arena %s: not aligned to %1$d"
                        .formatted(bytes, offset, name));
    }

    private void checkRange(long offset, long size) {
        if (offset < 0 || size < 0 || offset > sizeBytes - size) {
            throw new IndexOutOfBoundsException(
                    "%d bytes at offset 0x%x of arena %s, which has 0x%x"
                            .formatted(size, offset, name, sizeBytes));
        }
    }

    @Override
    public MemoryRange range(long offset, long size) {
        checkRange(offset, size);
        return new ArenaRange(this, offset, size);
    }

    @Override
    public MemorySegment reading() {
        return memory.asReadOnly();
    }

    @Override
    public void unit(Runnable writes) {
        barrier.enterUnit();
        try {
            writes.run();
        } finally {
            barrier.leaveUnit();
        }
    }

    @Override
    public ArenaReport snapshot(PageSink sink, ArenaOptions options) throws IOException {
        return snapshot(null, sink, options);
    }

    @Override
    public ArenaReport snapshotSince(ArenaReport parent, PageSink sink, ArenaOptions options)
            throws IOException {
        return snapshot(parent, sink, options);
    }

    private ArenaReport snapshot(@Nullable ArenaReport parent, PageSink sink, ArenaOptions options)
            throws IOException {
        try (sink) {
            if (barrier.inUnit()) {
                throw new IllegalStateException(
                        "a snapshot of arena " + name + " inside a unit of writes");
            }
            begin("a snapshot");
            try (ArenaSnapshot snapshot =
                    new ArenaSnapshot(this, barrier, sink, options, known(parent), steps)) {
                ArenaReport report = snapshot.take();
                keep(snapshot.takeLedger());
                published.put(report.epoch(), report.rootHash());
                if (published.size() > MOST_PARENTS) {
                    published.pollFirstEntry();
                }
                return report;
            } finally {
                turn.end();
            }
        }
    }

    /** What the newest image has; nothing is kept of an arena that is being closed. */
    private void keep(@Nullable PageLedger next) {
        PageLedger before = newest;
        newest = next;
        if (before != null) {
            before.close();
        }
    }

    @Override
    public void restore(Path image, Path... places) throws IOException {
        if (barrier.inUnit()) {
            throw new IllegalStateException(
                    "a restore of arena " + name + " inside a unit of writes");
        }
        begin("a restore");
        try {
            ArenaRestore.run(this, image, List.of(places));
        } finally {
            turn.end();
        }
    }

    private ArenaSnapshot.@Nullable Parent known(@Nullable ArenaReport parent) {
        if (parent == null) {
            return null;
        }
        PageLedger known = newest;
        if (known == null || !parent.rootHash().equals(published.get(parent.epoch()))) {
            throw new IllegalArgumentException(
                    "image %s is none of the last %d of arena %s"
                            .formatted(parent.rootHash(), MOST_PARENTS, name));
        }
        return new ArenaSnapshot.Parent(parent.epoch(), known);
    }

    private void begin(String what) {
        if (!arena.scope().isAlive()) {
            throw closed(null);
        }
        turn.begin(what);
    }

    @Override
    public void close() {
        if (turn.close()) {
            try {
                arena.close();
                keep(null);
            } catch (RuntimeException e) {
                turn.end(); // it can be closed again
                throw e;
            }
        }
    }

    @Override
    public String toString() {
        return "arena " + name;
    }
}
