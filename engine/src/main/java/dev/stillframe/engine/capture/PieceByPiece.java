package dev.stillframe.engine.capture;

import dev.stillframe.engine.memory.RegionKind;
import io.micrometer.core.instrument.Clock;
import java.util.Collection;
import java.util.concurrent.locks.LockSupport;

/**
 * Takes registrations away in pieces. The kernel walks the page tables meanwhile, under the lock of
 * the address space, 35 ms for each GiB: at once, the target would stand for so long wherever it
 * maps, unmaps or first touches something.
 */
final class PieceByPiece {
    /** Half a millisecond's walk where every page is there. */
    private static final long PIECE_BYTES = 16L << 20;

    /** Terabytes of addresses may be reserved, in which there is nothing to walk. */
    private static final long MOST_BYTES = 256L << 20;

    private static final long QUICK_NANOS = 30_000;
    private static final long TURN_NANOS = 500_000;

    /** Who waits for the lock gets it now: the kernel does not hand it over to him by itself. */
    private static final long BETWEEN_TURNS_NANOS = 50_000;

    private final Unregister unregister;
    private final Clock clock;
    private long pieceBytes = PIECE_BYTES;
    private long turnNanos;

    private PieceByPiece(Unregister unregister, Clock clock) {
        this.unregister = unregister;
        this.clock = clock;
    }

    /** Answers as the tracker does; what cannot be unregistered any more has gone. */
    @FunctionalInterface
    interface Unregister {
        long unregister(long start, long bytes);
    }

    static void giveBack(Collection<TrackedMapping> tracked, Unregister unregister, Clock clock) {
        PieceByPiece pieces = new PieceByPiece(unregister, clock);
        for (TrackedMapping t : tracked) {
            for (long at = t.range().start(); at < t.range().end(); ) {
                long end =
                        t.kind() == RegionKind.HUGETLB ? t.range().end() : pieces.pieceEnd(t, at);
                pieces.giveBack(at, end - at);
                at = end;
            }
        }
    }

    private void giveBack(long start, long bytes) {
        long from = clock.monotonicTime();
        unregister.unregister(start, bytes);
        long nanos = clock.monotonicTime() - from;
        pieceBytes = nanos < QUICK_NANOS ? Math.min(2 * pieceBytes, MOST_BYTES) : PIECE_BYTES;
        turnNanos += nanos;
        if (turnNanos >= TURN_NANOS) {
            LockSupport.parkNanos(BETWEEN_TURNS_NANOS);
            turnNanos = 0;
        }
    }

    /**
     * Aligned, so that no huge page is cut in two. The kernel joins the pieces of a mapping again
     * when the last is unregistered, but not those of the hugetlb pool (VM_SPECIAL in
     * include/linux/mm.h), which are few pages anyway.
     */
    private long pieceEnd(TrackedMapping t, long at) {
        return Math.min(t.range().end(), (at & -pieceBytes) + pieceBytes);
    }
}
