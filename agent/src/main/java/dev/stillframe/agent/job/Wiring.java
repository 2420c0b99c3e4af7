package dev.stillframe.agent.job;

import dev.stillframe.engine.capture.Snapshot;
import dev.stillframe.engine.capture.SnapshotException;
import dev.stillframe.engine.capture.SnapshotReport;
import dev.stillframe.engine.image.ImageWriter;
import dev.stillframe.engine.page.PageSink;
import dev.stillframe.engine.target.Readiness;

import io.micrometer.core.instrument.MeterRegistry;

import java.io.IOException;
import java.time.Duration;

/** The real parts: engine and transport. Stateless. */
public final class Wiring {
    private Wiring() {}

    /** All of them. */
    public static Parts parts() {
        return new Parts(
                Wiring::take,
                Wiring::open,
                (listen, store, events, registry) -> {
                    throw new IOException("TODO");
                },
                Readiness::check);
    }

    private static SnapshotReport take(int pid, PageSink sink, SnapshotTaker.Setting setting)
            throws SnapshotException, InterruptedException {
        return new Snapshot(setting.options(), setting.registry(), setting.progress())
                .take(pid, sink);
    }

    private static PageSink open(Destination destination, Duration timeout, MeterRegistry registry)
            throws IOException {
        return switch (destination) {
            case Destination.Local(var image) -> ImageWriter.create(image);
            case Destination.Remote(var receiver, var name) ->
                    throw new IOException("TODO " + receiver + name);
        };
    }
}
