package dev.stillframe.engine.capture;

import dev.stillframe.engine.linux.Errno;
import dev.stillframe.engine.linux.NativeMemory;
import dev.stillframe.engine.linux.Scheduling;
import dev.stillframe.engine.memory.MemoryFile;
import dev.stillframe.engine.process.Target;
import dev.stillframe.engine.process.TargetException;
import dev.stillframe.engine.staging.Staging;
import dev.stillframe.engine.staging.StagingBlock;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Copies runs of pages into staging while nobody waits for it, or while the target stands. Many
 * single pages are copied in one call. A page that cannot be read is left out: it is not
 * {@linkplain Ordinals#store stored}. Owned by one thread at a time.
 */
final class RoundCopier implements AutoCloseable {
    /** As many as process_vm_readv(2) takes, IOV_MAX. */
    private static final int VECTORS = 1024;

    private static final int VECTOR_BYTES = 16;

    private final Target target;
    private final Staging staging;
    private final Ordinals ordinals;
    private final Failure failure;
    private final CpuLimit limit;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment vectors = arena.allocate((long) VECTORS * VECTOR_BYTES, 8);
    private final long[] starts = new long[VECTORS];
    private final int[] counts = new int[VECTORS];
    private int gathered;
    private int gatheredPages;
    private @Nullable StagingBlock block;

    /** Those that are filled while the target stands wait here until the sink knows of T0. */
    private final List<StagingBlock> kept = new ArrayList<>();

    private boolean keeps;
    private int round = -1;
    private long pages;
    private long nanos;

    RoundCopier(
            Target target, Staging staging, Ordinals ordinals, Failure failure, CpuLimit limit) {
        this.target = target;
        this.staging = staging;
        this.ordinals = ordinals;
        this.failure = failure;
        this.limit = limit;
    }

    /** Pages copied so far. */
    long pages() {
        return pages;
    }

    /** Processor time that it took to copy them. */
    long nanos() {
        return nanos;
    }

    /** What is copied from now on belongs to the next round. */
    void beginRound() {
        round++;
    }

    /** From now on filled blocks are kept until {@link #submitKept}. */
    void keep() {
        keeps = true;
    }

    /** Copies all runs of a mapping; each page of them has an ordinal. */
    void copy(TrackedMapping mapping, PageRuns runs) throws IOException {
        for (int run = 0; run < runs.count(); run++) {
            for (long at = runs.start(run); at < runs.end(run); ) {
                StagingBlock into = room();
                int room = into.room() - gatheredPages;
                int count = (int) Math.min(room, (runs.end(run) - at) / Block.PAGE_BYTES);
                gather(mapping, at, count);
                at += (long) count * Block.PAGE_BYTES;
            }
        }
        flush(mapping);
    }

    private void gather(TrackedMapping mapping, long at, int count) throws IOException {
        starts[gathered] = at;
        counts[gathered] = count;
        vectors.set(ValueLayout.JAVA_LONG, (long) gathered * VECTOR_BYTES, at);
        vectors.set(
                ValueLayout.JAVA_LONG,
                (long) gathered * VECTOR_BYTES + Long.BYTES,
                (long) count * Block.PAGE_BYTES);
        gathered++;
        gatheredPages += count;
        if (gathered == VECTORS || gatheredPages == room().room()) {
            flush(mapping);
        }
    }

    private void flush(TrackedMapping mapping) throws IOException {
        if (gathered == 0) {
            return;
        }
        failure.check();
        StagingBlock into = room();
        long from = Scheduling.threadCpuNanos();
        long bytes = (long) gatheredPages * Block.PAGE_BYTES;
        boolean whole =
                mapping.file() == null
                        && target.gather(vectors, gathered, bytes, into.nextAddress()) == bytes;
        for (int i = 0; i < gathered; i++) {
            if (whole) {
                add(into, starts[i], counts[i]);
            } else {
                copyOne(mapping, into, starts[i], counts[i]);
            }
        }
        nanos += Scheduling.threadCpuNanos() - from;
        gathered = 0;
        gatheredPages = 0;
        if (into.room() == 0) {
            end(into);
        }
    }

    private void copyOne(TrackedMapping mapping, StagingBlock into, long start, int count)
            throws IOException {
        long end = start + (long) count * Block.PAGE_BYTES;
        for (long at = start; at < end; ) {
            long copied = read(mapping, at, end - at, into.nextAddress());
            if (copied == -Errno.ESRCH.number()) {
                throw new TargetException("the target has ended");
            }
            copied = upToTheEndOfItsPage(mapping, copied, into.nextAddress());
            int whole = (int) (Math.max(0, copied) / Block.PAGE_BYTES);
            if (whole > 0) {
                add(into, at, whole);
            } else { // what cannot be read is left out, and what it was before does not count
                ordinals.forget(at, at + Block.PAGE_BYTES);
            }
            at += (long) Math.max(1, whole) * Block.PAGE_BYTES;
        }
    }

    /** Behind the end of a file its last page holds zeros. */
    private static long upToTheEndOfItsPage(TrackedMapping mapping, long copied, long into) {
        int rest = copied <= 0 ? 0 : (int) (-copied & (Block.PAGE_BYTES - 1));
        if (mapping.file() == null || rest == 0) {
            return copied;
        }
        NativeMemory.put(into + copied, new byte[rest]);
        return copied + rest;
    }

    private long read(TrackedMapping mapping, long address, long length, long into) {
        MemoryFile file = mapping.file();
        return file == null
                ? target.read(address, length, into)
                : file.read(into, length, address - mapping.fileDelta());
    }

    private void add(StagingBlock into, long address, int count) {
        into.add(address, count);
        ordinals.store(address, address + (long) count * Block.PAGE_BYTES);
        pages += count;
    }

    private StagingBlock room() throws IOException {
        StagingBlock now = block;
        if (now == null) {
            now = next();
            block = now;
        }
        return now;
    }

    /** Waits as long as it takes; the drain gives up when the sink does. */
    private StagingBlock next() throws IOException {
        if (!keeps) {
            limit.await(failure);
        }
        StagingBlock next = staging.poll();
        while (next == null) {
            failure.check();
            if (keeps) {
                throw new TargetException(
                        "no staging was left while the target stood; give more with --staging");
            }
            try {
                next = staging.await();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                failure.check();
            }
        }
        return next;
    }

    private void end(StagingBlock filled) {
        if (keeps) {
            kept.add(filled);
        } else {
            submit(filled);
        }
        block = null;
    }

    private void submit(StagingBlock filled) {
        filled.belongsTo(round);
        staging.submit(filled);
    }

    /** Hands on what it has begun. */
    void endRound() {
        StagingBlock now = block;
        if (now != null && now.isEmpty()) {
            staging.recycle(now);
            block = null;
        } else if (now != null) {
            end(now);
        }
    }

    /** Hands on what was kept. */
    void submitKept() {
        endRound();
        kept.forEach(this::submit);
        kept.clear();
        keeps = false;
    }

    @Override
    public void close() {
        arena.close();
    }
}
