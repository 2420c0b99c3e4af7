package dev.stillframe.engine.capture;

import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.memory.RangeSet;
import dev.stillframe.engine.process.Probe;
import dev.stillframe.engine.process.ProtectionView;
import dev.stillframe.engine.staging.Drain;
import dev.stillframe.engine.staging.Staging;
import dev.stillframe.engine.tracking.WriteTracker;
import io.micrometer.core.instrument.Clock;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;

/** What the workers of one snapshot share. Thread-safe. */
final class Capture implements Drain.Failures {
    /** What a fault means. */
    enum Phase {
        /** Before T0: let the write through and remember the page. */
        ARM,
        /**
         * The target stands, and the arming worker is alone with claims and mappings: copy first.
         */
        FREEZE,
        /** From T0 on: copy first. */
        CAPTURE
    }

    final WriteTracker tracker;
    final PageReader reader;
    final Views views;
    final Staging staging;
    final Pace pace;
    final SnapshotOptions options;
    final Probe probe;
    final Clock clock;
    final BlockTable table = new BlockTable();
    final Discards discards = new Discards();

    /** So many ranges the freeze can look at again in some milliseconds. */
    private static final int LOOKED_AT_AGAIN = 4096;

    /**
     * Ranges that were discarded or moved before T0: their protection is gone, so they are looked
     * at again.
     */
    final RangeSet stale = new RangeSet(LOOKED_AT_AGAIN);

    /** Ranges that left the target's registered mappings before T0. */
    final RangeSet unmapped = new RangeSet(LOOKED_AT_AGAIN);

    /**
     * Shared memory of which the target gave something up after T0. Whether it was taken out of its
     * file, too, is not told, and if so that comes after the telling: zeros that are found there
     * may be of after T0.
     */
    final RangeSet givenUp = new RangeSet(LOOKED_AT_AGAIN);

    /**
     * Shared memory of which the target mapped a part once more after T0, with a mapping that is
     * not protected.
     */
    final RangeSet mappedOnceMore = new RangeSet(LOOKED_AT_AGAIN);

    /**
     * Moves of memory that were told after T0 and whose pages are not yet copied from their new
     * place.
     */
    final List<Move> moves = new CopyOnWriteArrayList<>();

    /** Pages that were moved before they were copied, and are not copied yet. */
    final AtomicInteger movedPages = new AtomicInteger();

    /** Pages that were read, held only zeros and were not staged. */
    final LongAdder zeroPages = new LongAdder();

    /** Mappings of shared memory that the target maps more than once; set in the freeze. */
    volatile List<TrackedMapping> aliases = List.of();

    /** Every worker, the arming one first. Set before the first starts. */
    List<Worker> workers = List.of();

    private volatile Phase phase = Phase.ARM;
    private volatile boolean stopped;
    private final Failure failure = new Failure();

    /**
     * The target moved {@code from} to {@code target}.
     *
     * @param mark of the {@link Discards}: whatever the target did to the memory at its new place
     *     was told since
     */
    record Move(AddressRange from, long target, long mark) {
        boolean hasArrivedIn(long start, long end) {
            return start < target + from.sizeBytes() && target < end;
        }
    }

    /** Opens a view of the target's protection for one more thread. */
    @FunctionalInterface
    interface Views {
        ProtectionView open() throws IOException;
    }

    Capture(
            WriteTracker tracker,
            PageReader reader,
            Views views,
            Staging staging,
            SnapshotOptions options,
            Probe probe) {
        this.tracker = tracker;
        this.reader = reader;
        this.views = views;
        this.staging = staging;
        this.pace = new Pace(staging);
        this.options = options;
        this.probe = probe;
        this.clock = staging.clock();
    }

    Phase phase() {
        return phase;
    }

    void enter(Phase next) {
        phase = next;
    }

    boolean isStopped() {
        return stopped;
    }

    /** Where the target maps what {@code range} of {@code mapping} shows once more. */
    List<AddressRange> elsewhere(TrackedMapping mapping, AddressRange range) {
        List<AddressRange> ranges = new ArrayList<>();
        for (TrackedMapping other : aliases) {
            if (!other.range().overlaps(mapping.range())
                    && other.object().equals(mapping.object())) {
                long shift = other.fileDelta() - mapping.fileDelta();
                long start = Math.max(range.start() + shift, other.range().start());
                long end = Math.min(range.end() + shift, other.range().end());
                if (start < end) {
                    ranges.add(new AddressRange(start, end));
                }
            }
        }
        return ranges;
    }

    /** Makes the workers end. */
    void stop() {
        stopped = true;
    }

    /** The first failure wins; everybody stops. */
    @Override
    public void fail(Throwable cause) {
        failure.fail(cause);
        stopped = true;
    }

    @Override
    public boolean hasFailed() {
        return failure.hasFailed();
    }

    /**
     * Throws what made the capture fail, if anything did, or that the calling thread was
     * interrupted.
     */
    void check() throws IOException {
        failure.check();
    }
}
