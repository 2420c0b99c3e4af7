package dev.stillframe.engine.capture;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import java.util.concurrent.TimeUnit;

/** The figures of snapshots as meters: {@code stillframe.snapshot.*}. */
final class SnapshotMetrics {
    private SnapshotMetrics() {}

    static void record(MeterRegistry registry, SnapshotReport report) {
        time(
                registry,
                "pause",
                "from before the first thread was stopped until after the last ran",
                report.times().pauseNanos());
        time(registry, "arm", "from the attach until the freeze", report.times().armNanos());
        time(
                registry,
                "capture",
                "from T0 until the last page was copied",
                report.times().captureNanos());
        time(registry, "total", "until the image was published", report.times().totalNanos());
        time(
                registry,
                "staging.wait",
                "faults and sweep waiting for staging",
                report.waits().stagingNanos());
        time(
                registry,
                "fault.p50",
                "median answer to a fault of one snapshot",
                report.waits().faultP50Nanos());
        time(registry, "fault.p99", "99th percentile of the same", report.waits().faultP99Nanos());
        time(registry, "fault.max", "maximum of the same", report.waits().faultMaxNanos());
        registry.counter("stillframe.snapshot.faults").increment((double) report.waits().faults());
        registry.counter("stillframe.snapshot.pages", "kind", "data")
                .increment((double) (report.captured().pages() - report.captured().zeroPages()));
        registry.counter("stillframe.snapshot.pages", "kind", "zero")
                .increment((double) report.captured().zeroPages());
        registry.counter("stillframe.snapshot.bytes").increment((double) report.captured().bytes());
        registry.counter("stillframe.snapshot.missing.ranges").increment(report.missing().size());
    }

    private static void time(MeterRegistry registry, String what, String description, long nanos) {
        Timer.builder("stillframe.snapshot." + what)
                .description(description)
                .register(registry)
                .record(nanos, TimeUnit.NANOSECONDS);
    }
}
