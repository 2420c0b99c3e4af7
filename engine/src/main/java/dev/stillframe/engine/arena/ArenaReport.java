package dev.stillframe.engine.arena;

/**
 * The facts of a finished snapshot of an arena. Immutable.
 *
 * @param image where it was published, as the sink names it
 * @param rootHash the image's root hash in hexadecimal
 * @param epoch number of the snapshot within the arena; grows from snapshot to snapshot, not by one
 * @param pages pages that were copied for it: all, or those written since the parent; of a kernel's
 *     arena only such as hold something
 * @param zeroPages how many of them held only zeros
 * @param firstWrites pages that a writer copied before its first write to them
 * @param armNanos from the arming of the barrier until T0; nobody waited
 * @param captureNanos from T0 until the last page was copied
 * @param totalNanos from the call until the image was published
 * @param stagingWaitNanos time that writers and the sweep waited for free staging memory, all
 *     together
 */
public record ArenaReport(
        String image,
        String rootHash,
        int epoch,
        long pages,
        long zeroPages,
        long firstWrites,
        long armNanos,
        long captureNanos,
        long totalNanos,
        long stagingWaitNanos) {}
