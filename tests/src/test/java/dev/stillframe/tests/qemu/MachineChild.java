package dev.stillframe.tests.qemu;

import dev.stillframe.agent.qemu.MachineSnapshot;
import dev.stillframe.engine.capture.Progress;
import dev.stillframe.engine.page.DiscardingSink;
import dev.stillframe.engine.process.Probe;
import dev.stillframe.tests.system.SelfKill;
import dev.stillframe.tests.system.Snapshots;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.nio.file.Path;
import java.util.OptionalInt;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentSkipListSet;

/**
 * A process that takes a snapshot of a machine and kills itself on the way. Arguments: the socket
 * of QMP, and the name of the probe's point to die at; a name that is no point lets it live, and
 * then it prints all points. If there is a third, it is the directory for overlays.
 */
public final class MachineChild {
    private MachineChild() {}

    /** See the class. */
    public static void main(String[] arguments) throws Exception {
        ConcurrentSkipListSet<String> points = new ConcurrentSkipListSet<>();
        Probe probe =
                point -> {
                    points.add(point);
                    if (point.equals(arguments[1])) {
                        SelfKill.now();
                    }
                };
        MachineSnapshot.Subject subject =
                new MachineSnapshot.Subject(
                        Path.of(arguments[0]),
                        OptionalInt.empty(),
                        arguments.length > 2 ? Path.of(arguments[2]) : null,
                        null);
        System.out.println("go");
        new MachineSnapshot(Snapshots.options(), new SimpleMeterRegistry(), Progress.NONE, probe)
                .take(subject, new DiscardingSink());
        new TreeSet<>(points).forEach(point -> System.out.println("point " + point));
        System.out.println("done");
    }
}
