package dev.stillframe.engine.capture;

import dev.stillframe.engine.instant.Missing;
import java.util.List;

/**
 * The facts of a finished snapshot. Immutable.
 *
 * @param image where it was published, as the sink names it
 * @param rootHash the image's root hash in hexadecimal
 * @param bytesCaptured bytes of the pages that were copied, zero pages included
 * @param pages pages that were copied
 * @param zeroPages how many of them held only zeros
 * @param pauseNanos from before the first thread was stopped until after the last ran again
 * @param armNanos from the attach until the freeze
 * @param captureNanos from T0 until the last page was copied
 * @param totalNanos from the start until the image was published
 * @param faults write faults of the target that were answered after T0
 * @param faultP50Nanos median time from reading a fault until the page was unprotected
 * @param faultP99Nanos 99th percentile of the same
 * @param faultMaxNanos its maximum
 * @param stagingWaitNanos time that faults or the sweep waited for free staging memory
 * @param missing what the image lacks; empty means complete
 */
public record SnapshotReport(
        String image,
        String rootHash,
        long bytesCaptured,
        long pages,
        long zeroPages,
        long pauseNanos,
        long armNanos,
        long captureNanos,
        long totalNanos,
        long faults,
        long faultP50Nanos,
        long faultP99Nanos,
        long faultMaxNanos,
        long stagingWaitNanos,
        List<Missing> missing) {
    /** Copies the list. */
    public SnapshotReport {
        missing = List.copyOf(missing);
    }
}
