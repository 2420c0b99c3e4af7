package dev.stillframe.tests.qemu;

import dev.stillframe.agent.Main;
import dev.stillframe.agent.qemu.MachineSnapshot;
import dev.stillframe.engine.capture.Progress;
import dev.stillframe.engine.capture.SnapshotException;
import dev.stillframe.engine.capture.SnapshotOptions;
import dev.stillframe.engine.image.ImageWriter;
import dev.stillframe.tests.system.Snapshots;
import dev.stillframe.tests.target.JavaCommand;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.concurrent.TimeoutException;

/** Machines to images and back, as the tests do it. Stateless. */
public final class MachineImages {
    private MachineImages() {}

    /** Takes an image of a guest. */
    public static MachineSnapshot.Taken take(Guest guest, Path image)
            throws IOException, SnapshotException, InterruptedException {
        return take(subject(guest), image);
    }

    /** The same with other options. */
    static MachineSnapshot.Taken take(Guest guest, Path image, SnapshotOptions options)
            throws IOException, SnapshotException, InterruptedException {
        return new MachineSnapshot(options, new SimpleMeterRegistry(), Progress.NONE)
                .take(subject(guest), ImageWriter.create(image));
    }

    /** Takes an image. */
    static MachineSnapshot.Taken take(MachineSnapshot.Subject subject, Path image)
            throws IOException, SnapshotException, InterruptedException {
        return new MachineSnapshot(Snapshots.options(), new SimpleMeterRegistry(), Progress.NONE)
                .take(subject, ImageWriter.create(image));
    }

    /** The guest, with nothing done for its disks. */
    static MachineSnapshot.Subject subject(Guest guest) {
        return new MachineSnapshot.Subject(guest.qmpSocket(), OptionalInt.empty(), null, null);
    }

    /**
     * Runs an image by {@code stillframe restore}, with the arguments of the guest that it is of.
     */
    public static Guest restore(Path image, List<String> arguments, String... options)
            throws IOException, InterruptedException, TimeoutException {
        return restore(image.toString(), arguments, options);
    }

    /**
     * Runs the image {@code name} of the receiver that listens at {@code from}, before its memory
     * is here.
     */
    public static Guest restoreFrom(InetSocketAddress from, String name, List<String> arguments)
            throws IOException, InterruptedException, TimeoutException {
        return restore(
                name, arguments, "--from", "%s:%d".formatted(from.getHostString(), from.getPort()));
    }

    private static Guest restore(String image, List<String> arguments, String... options)
            throws IOException, InterruptedException, TimeoutException {
        List<String> typed = new ArrayList<>(List.of("restore", image, "--qemu", "--wait"));
        typed.addAll(List.of(options));
        typed.add("--");
        typed.addAll(arguments);
        return Guest.launch(
                JavaCommand.of(
                        Main.class, List.of("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"), typed));
    }
}
