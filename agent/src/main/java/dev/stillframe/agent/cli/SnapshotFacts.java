package dev.stillframe.agent.cli;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonUnwrapped;
import dev.stillframe.agent.qemu.MachineSnapshot;
import dev.stillframe.engine.capture.SnapshotReport;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The facts of a snapshot as JSON shows them; the names are part of the interface for scripts.
 * Times in milliseconds and microseconds. See {@link SnapshotReport} for what each means.
 */
record SnapshotFacts(
        String image,
        String rootHash,
        int pid,
        boolean complete,
        @JsonUnwrapped Course course,
        @JsonUnwrapped Sizes sizes,
        @JsonUnwrapped Times times,
        @JsonUnwrapped Waits waits,
        List<MissingFact> missing,
        @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable StopFacts stop) {
    /** Where its instant lies, and why it does not lie elsewhere; {@code reason} may be empty. */
    record Course(
            String instant,
            int rounds,
            boolean converged,
            double predictedPauseMs,
            String instantReason) {}

    /** How much it holds. */
    record Sizes(long bytesCaptured, long pages, long zeroPages, long unchangedPages) {}

    /** How long it took. */
    record Times(double pauseMs, double armMs, double captureMs, double totalMs) {}

    /** What the target waited for. */
    record Waits(
            long faults,
            double faultP50Us,
            double faultP99Us,
            double faultMaxUs,
            double stagingWaitsMs) {}

    /** What the pause of a virtual machine was made of; absent for a process. */
    record StopFacts(
            double stopMs, double devicesMs, double disksMs, double oursMs, double contMs) {}

    static SnapshotFacts of(int pid, SnapshotReport report) {
        return of(pid, report, null);
    }

    static SnapshotFacts of(MachineSnapshot.Taken taken) {
        MachineSnapshot.Stop stop = taken.stop();
        return of(
                taken.pid(),
                taken.report(),
                new StopFacts(
                        Units.millis(stop.stopNanos()),
                        Units.millis(stop.devicesNanos()),
                        Units.millis(stop.disksNanos()),
                        Units.millis(stop.oursNanos()),
                        Units.millis(stop.contNanos())));
    }

    private static SnapshotFacts of(int pid, SnapshotReport report, @Nullable StopFacts stop) {
        return new SnapshotFacts(
                report.image(),
                report.rootHash(),
                pid,
                report.missing().isEmpty(),
                new Course(
                        report.course().atEnd() ? "end" : "start",
                        report.course().rounds(),
                        report.course().converged(),
                        Units.millis(report.course().predictedPauseNanos()),
                        report.course().reason()),
                new Sizes(
                        report.captured().bytes(),
                        report.captured().pages(),
                        report.captured().zeroPages(),
                        report.captured().unchangedPages()),
                new Times(
                        Units.millis(report.times().pauseNanos()),
                        Units.millis(report.times().armNanos()),
                        Units.millis(report.times().captureNanos()),
                        Units.millis(report.times().totalNanos())),
                new Waits(
                        report.waits().faults(),
                        Units.micros(report.waits().faultP50Nanos()),
                        Units.micros(report.waits().faultP99Nanos()),
                        Units.micros(report.waits().faultMaxNanos()),
                        Units.millis(report.waits().stagingNanos())),
                MissingFact.of(report.missing()),
                stop);
    }

    /** The same for a person, of a machine. */
    static List<String> lines(MachineSnapshot.Taken taken) {
        MachineSnapshot.Stop stop = taken.stop();
        return rows(taken.report())
                .add(
                        "the pause",
                        "%s until it stood, %s for the devices, %s for disks, %s for us, %s until it ran"
                                .formatted(
                                        Units.time(stop.stopNanos()),
                                        Units.time(stop.devicesNanos()),
                                        Units.time(stop.disksNanos()),
                                        Units.time(stop.oursNanos()),
                                        Units.time(stop.contNanos())))
                .lines();
    }

    /** The same for a person. */
    static List<String> lines(SnapshotReport report) {
        return rows(report).lines();
    }

    private static Rows rows(SnapshotReport report) {
        String faults =
                report.waits().faults() == 0
                        ? "none"
                        : "%s, answered in %s (median), %s (99%%), %s (longest)"
                                .formatted(
                                        Units.count(report.waits().faults()),
                                        Units.time(report.waits().faultP50Nanos()),
                                        Units.time(report.waits().faultP99Nanos()),
                                        Units.time(report.waits().faultMaxNanos()));
        String staging =
                report.waits().stagingNanos() == 0
                        ? "never full"
                        : "full for "
                                + Units.time(report.waits().stagingNanos())
                                + ": more --staging spares writers that";
        Rows rows =
                new Rows()
                        .add("image", report.image())
                        .add("root hash", report.rootHash())
                        .add("instant", instant(report.course()))
                        .add(
                                "captured",
                                "%s in %s pages, %s of them zero"
                                        .formatted(
                                                Units.bytes(report.captured().bytes()),
                                                Units.count(report.captured().pages()),
                                                Units.count(report.captured().zeroPages())));
        if (report.course().atEnd()) {
            return rows.add(
                            "paused",
                            Units.time(report.times().pauseNanos())
                                    + "; all done in "
                                    + Units.time(report.times().totalNanos()))
                    .missing(report.missing());
        }
        return rows.add(
                        "paused",
                        Units.time(report.times().pauseNanos())
                                + ", after arming for "
                                + Units.time(report.times().armNanos()))
                .add(
                        "copied",
                        "in %s after the pause began, %s; all done in %s"
                                .formatted(
                                        Units.time(report.times().captureNanos()),
                                        Units.rate(
                                                report.captured().bytes(),
                                                report.times().captureNanos()),
                                        Units.time(report.times().totalNanos())))
                .add("faults", faults)
                .add("staging", staging)
                .missing(report.missing());
    }

    /** Where the instant lies, for a person. */
    static String instant(SnapshotReport.Course course) {
        String rounds = course.rounds() == 1 ? "1 round" : course.rounds() + " rounds";
        String where = course.atEnd() ? "at the end of " + rounds : "at the start";
        return course.reason().isEmpty() ? where : where + ": " + course.reason();
    }
}
