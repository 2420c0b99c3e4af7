package dev.stillframe.engine.capture;

import dev.stillframe.engine.instant.Missing;
import java.util.List;

/**
 * The facts of a finished snapshot. Immutable.
 *
 * @param image where it was published, as the sink names it
 * @param rootHash the image's root hash in hexadecimal
 * @param course where the instant lies, and how it came to that
 * @param captured how much it holds
 * @param times how long it took
 * @param waits what the target waited for
 * @param missing what the image lacks; empty means complete
 */
public record SnapshotReport(
        String image,
        String rootHash,
        Course course,
        Captured captured,
        Times times,
        Waits waits,
        List<Missing> missing) {
    /** Copies the list. */
    public SnapshotReport {
        missing = List.copyOf(missing);
    }

    /**
     * Where the instant lies, and why. Immutable.
     *
     * @param atEnd whether it is that of the end, after rounds
     * @param rounds how many there were, 0 if none was tried
     * @param converged whether the last of them left little enough
     * @param predictedPauseNanos the pause that was predicted after the last one, 0 without rounds
     * @param reason why it is not what would have been better for the target; empty if it is
     */
    public record Course(
            boolean atEnd, int rounds, boolean converged, long predictedPauseNanos, String reason) {
        /** As it was asked for, without rounds. */
        public static final Course START = new Course(false, 0, false, 0, "");
    }

    /**
     * How much an image holds. Immutable.
     *
     * @param bytes of the pages that were copied, zero pages included
     * @param pages that were copied
     * @param zeroPages how many of them held only zeros
     * @param unchangedPages that were not read, because the image before has them
     */
    public record Captured(long bytes, long pages, long zeroPages, long unchangedPages) {}

    /**
     * How long a snapshot took. Immutable.
     *
     * @param pauseNanos from before the first thread was stopped until after the last ran again
     * @param armNanos from the attach until the freeze
     * @param captureNanos from T0 until the last page was copied
     * @param totalNanos from the start until the image was published
     */
    public record Times(long pauseNanos, long armNanos, long captureNanos, long totalNanos) {}

    /**
     * What the target waited for after T0. Immutable.
     *
     * @param faults its write faults that were answered
     * @param faultP50Nanos median time from reading a fault until the page was unprotected
     * @param faultP99Nanos 99th percentile of the same
     * @param faultMaxNanos its maximum
     * @param stagingNanos time that faults or the sweep waited for free staging memory
     */
    public record Waits(
            long faults,
            long faultP50Nanos,
            long faultP99Nanos,
            long faultMaxNanos,
            long stagingNanos) {}
}
