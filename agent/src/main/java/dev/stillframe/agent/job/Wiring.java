package dev.stillframe.agent.job;

import dev.stillframe.agent.doctor.NetworkCheck;
import dev.stillframe.agent.doctor.Readiness;
import dev.stillframe.agent.doctor.Readiness.Finding;
import dev.stillframe.agent.qemu.MachineSnapshot;
import dev.stillframe.engine.capture.Snapshot;
import dev.stillframe.engine.capture.SnapshotException;
import dev.stillframe.engine.capture.SnapshotReport;
import dev.stillframe.engine.capture.WatchedProcess;
import dev.stillframe.engine.image.ImageWriter;
import dev.stillframe.engine.page.PageSink;
import dev.stillframe.transport.receiver.Receiver;
import dev.stillframe.transport.receiver.ReceiverEvents;
import dev.stillframe.transport.receiver.ReceiverLimits;
import dev.stillframe.transport.receiver.StoreSinks;
import dev.stillframe.transport.security.Credentials;
import dev.stillframe.transport.sender.Sender;
import io.micrometer.core.instrument.MeterRegistry;
import java.io.IOException;
import java.net.SocketAddress;
import java.util.ArrayList;
import java.util.List;

/** The real parts: engine and transport. Stateless. */
public final class Wiring {
    private Wiring() {}

    /** All of them. */
    public static Parts parts() {
        return new Parts(
                Wiring::take,
                Wiring::takeMachine,
                Wiring::watch,
                Wiring::open,
                Wiring::receive,
                Wiring::readiness);
    }

    private static SnapshotReport take(int pid, PageSink sink, SnapshotTaker.Setting setting)
            throws SnapshotException, InterruptedException {
        return new Snapshot(setting.options(), setting.registry(), setting.progress())
                .take(pid, sink);
    }

    private static Watched watch(int pid, SnapshotTaker.Setting setting) throws SnapshotException {
        WatchedProcess process =
                WatchedProcess.open(pid, setting.options(), setting.registry(), setting.progress());
        return new Watched() {
            @Override
            public SnapshotReport take(PageSink sink)
                    throws SnapshotException, InterruptedException {
                return process.take(sink);
            }

            @Override
            public void startAnew() {
                process.startAnew();
            }

            @Override
            public boolean hasEnded() {
                return process.hasEnded();
            }

            @Override
            public void close() {
                process.close();
            }
        };
    }

    private static MachineSnapshot.Taken takeMachine(
            MachineSnapshot.Subject subject, PageSink sink, SnapshotTaker.Setting setting)
            throws SnapshotException, InterruptedException {
        return new MachineSnapshot(setting.options(), setting.registry(), setting.progress())
                .take(subject, sink);
    }

    private static List<Finding> readiness() {
        List<Finding> findings = new ArrayList<>(Readiness.check());
        findings.addAll(NetworkCheck.findings());
        return findings;
    }

    private static PageSink open(Destination destination, MeterRegistry registry)
            throws IOException {
        return switch (destination) {
            case Destination.Local(var image, var parent) ->
                    parent == null
                            ? ImageWriter.create(image)
                            : ImageWriter.createChild(image, parent);
            case Destination.Remote(var receiver, var name, var options, var rate) ->
                    Sender.connect(receiver, name, options, rate, registry);
        };
    }

    private static Reception receive(
            SocketAddress listen,
            Reception.Shelf shelf,
            Credentials credentials,
            ReceiverEvents events,
            MeterRegistry registry)
            throws IOException {
        Receiver receiver =
                Receiver.start(
                        listen,
                        new StoreSinks(shelf.store(), shelf.readable()),
                        ReceiverLimits.DEFAULT,
                        credentials,
                        registry,
                        events);
        return new Reception() {
            @Override
            public SocketAddress address() {
                return receiver.address();
            }

            @Override
            public void close() {
                receiver.close();
            }
        };
    }
}
