package dev.stillframe.engine.capture;

import dev.stillframe.engine.memory.RegionKind;
import java.util.Collection;
import java.util.concurrent.locks.LockSupport;

/**
 * Takes registrations away in pieces. The kernel walks the page tables meanwhile, under the lock of
 * the address space, 35 ms for each GiB: at once, the target would stand for so long wherever it
 * maps, unmaps or first touches something.
 */
final class PieceByPiece {
    /** Half a millisecond's walk. */
    private static final long PIECE_BYTES = 16L << 20;

    /** Who waits for the lock gets it now: the kernel does not hand it over to him by itself. */
    private static final long BETWEEN_PIECES_NANOS = 50_000;

    private PieceByPiece() {}

    /** Answers as the tracker does; what cannot be unregistered any more has gone. */
    @FunctionalInterface
    interface Unregister {
        long unregister(long start, long bytes);
    }

    static void giveBack(Collection<TrackedMapping> tracked, Unregister unregister) {
        long walked = 0;
        for (TrackedMapping t : tracked) {
            for (long at = t.range().start(); at < t.range().end(); ) {
                long end = t.kind() == RegionKind.HUGETLB ? t.range().end() : pieceEnd(t, at);
                unregister.unregister(at, end - at);
                walked += end - at;
                if (walked >= PIECE_BYTES) {
                    LockSupport.parkNanos(BETWEEN_PIECES_NANOS);
                    walked = 0;
                }
                at = end;
            }
        }
    }

    /**
     * Aligned, so that no huge page is cut in two. The kernel joins the pieces of a mapping again
     * when the last is unregistered, but not those of the hugetlb pool (VM_SPECIAL in
     * include/linux/mm.h), which are few pages anyway.
     */
    private static long pieceEnd(TrackedMapping t, long at) {
        return Math.min(t.range().end(), (at & -PIECE_BYTES) + PIECE_BYTES);
    }
}
