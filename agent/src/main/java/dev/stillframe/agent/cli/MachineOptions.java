package dev.stillframe.agent.cli;

import dev.stillframe.agent.qemu.MachineSnapshot;
import java.nio.file.Path;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Options of a snapshot of a virtual machine. */
final class MachineOptions {
    @Option(
            names = "--qmp",
            paramLabel = "SOCKET",
            description = {
                "A virtual machine of QEMU: the Unix socket of its QMP"
                        + " (-qmp unix:SOCKET,server=on,wait=off), with no other client.",
                "Its memory should be shared (memory-backend-memfd,share=on): that is copied faster."
            })
    private @Nullable Path socket;

    @Option(
            names = "--overlay",
            paramLabel = "DIR",
            description =
                    "With --qmp: give every disk that the guest can write to a qcow2 overlay in this"
                            + " directory, at the same instant; the file below stays as it was then. The"
                            + " image records both.")
    private @Nullable Path overlays;

    @Option(
            names = "--disk-hook",
            paramLabel = "COMMAND",
            description =
                    "With --qmp: run this with /bin/sh while the machine stands, for instance to snapshot"
                            + " its volumes; STILLFRAME_QEMU_PID is set. The snapshot fails if it does.")
    private @Nullable String diskHook;

    boolean isUsed() {
        return socket != null;
    }

    boolean hasDiskOptions() {
        return overlays != null || diskHook != null;
    }

    /** As it was given; only if it is used. */
    String socket() {
        return String.valueOf(socket);
    }

    /** The machine that is meant; null if none is. */
    MachineSnapshot.@Nullable Subject subject(@Nullable Integer pid) {
        if (socket == null) {
            return null;
        }
        return new MachineSnapshot.Subject(
                socket.toAbsolutePath(),
                pid == null ? OptionalInt.empty() : OptionalInt.of(pid),
                overlays == null ? null : overlays.toAbsolutePath(),
                diskHook);
    }
}
