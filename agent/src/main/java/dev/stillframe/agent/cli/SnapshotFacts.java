package dev.stillframe.agent.cli;

import com.fasterxml.jackson.annotation.JsonInclude;

import dev.stillframe.agent.qemu.MachineSnapshot;
import dev.stillframe.engine.capture.SnapshotReport;

import org.jspecify.annotations.Nullable;

import java.util.List;

/**
 * The facts of a snapshot as JSON shows them; the names are part of the interface for scripts.
 * Times in milliseconds and microseconds. See {@link SnapshotReport} for what each means.
 */
record SnapshotFacts(
        String image,
        String rootHash,
        int pid,
        boolean complete,
        long bytesCaptured,
        long pages,
        long zeroPages,
        double pauseMs,
        double armMs,
        double captureMs,
        double totalMs,
        long faults,
        double faultP50Us,
        double faultP99Us,
        double faultMaxUs,
        double stagingWaitsMs,
        List<MissingFact> missing,
        @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable StopFacts stop) {
    /** What the pause of a virtual machine was made of; absent for a process. */
    record StopFacts(double stopMs, double devicesMs, double disksMs, double oursMs, double contMs) {}

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
                report.bytesCaptured(),
                report.pages(),
                report.zeroPages(),
                Units.millis(report.pauseNanos()),
                Units.millis(report.armNanos()),
                Units.millis(report.captureNanos()),
                Units.millis(report.totalNanos()),
                report.faults(),
                Units.micros(report.faultP50Nanos()),
                Units.micros(report.faultP99Nanos()),
                Units.micros(report.faultMaxNanos()),
                Units.millis(report.stagingWaitNanos()),
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
                report.faults() == 0
                        ? "none"
                        : "%s, answered in %s (median), %s (99%%), %s (longest)"
                                .formatted(
                                        Units.count(report.faults()),
                                        Units.time(report.faultP50Nanos()),
                                        Units.time(report.faultP99Nanos()),
                                        Units.time(report.faultMaxNanos()));
        String staging =
                report.stagingWaitNanos() == 0
                        ? "never full"
                        : "full for "
                                + Units.time(report.stagingWaitNanos())
                                + ": more --staging spares writers that";
        return new Rows()
                .add("image", report.image())
                .add("root hash", report.rootHash())
                .add(
                        "captured",
                        "%s in %s pages, %s of them zero"
                                .formatted(
                                        Units.bytes(report.bytesCaptured()),
                                        Units.count(report.pages()),
                                        Units.count(report.zeroPages())))
                .add(
                        "paused",
                        Units.time(report.pauseNanos())
                                + ", after arming for "
                                + Units.time(report.armNanos()))
                .add(
                        "copied",
                        "in %s after the pause began, %s; all done in %s"
                                .formatted(
                                        Units.time(report.captureNanos()),
                                        Units.rate(report.bytesCaptured(), report.captureNanos()),
                                        Units.time(report.totalNanos())))
                .add("faults", faults)
                .add("staging", staging)
                .missing(report.missing());
    }
}
