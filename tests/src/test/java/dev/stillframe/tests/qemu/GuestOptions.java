package dev.stillframe.tests.qemu;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * How to run a guest. Immutable.
 *
 * @param memoryMib its RAM; 128 at least, or the kernel does not boot
 * @param processors virtual ones
 * @param load what it does
 * @param more arguments for QEMU, disks for instance
 */
public record GuestOptions(
        int memoryMib, GuestMemory memory, int processors, Load load, List<String> more) {
    /**
     * What {@code guestload.c} does.
     *
     * @param mebibytes memory that it writes and verifies
     * @param operationsPerSecond of all threads; 0 is flat out
     * @param threads 1 to 64
     */
    public record Load(int mebibytes, int operationsPerSecond, int threads) {}

    /** Keeps a copy of the list. */
    public GuestOptions {
        more = List.copyOf(more);
    }

    /** One processor, one thread that writes {@code loadMib} flat out, RAM in a memfd. */
    public static GuestOptions of(int memoryMib, int loadMib) {
        return new GuestOptions(
                memoryMib, new GuestMemory.Memfd(), 1, new Load(loadMib, 0, 1), List.of());
    }

    /** The same with other memory. */
    public GuestOptions withMemory(GuestMemory other) {
        return new GuestOptions(memoryMib, other, processors, load, more);
    }

    /** The same with so many processors, and as many threads that write. */
    public GuestOptions withProcessors(int count) {
        Load shared = new Load(load.mebibytes, load.operationsPerSecond, count);
        return new GuestOptions(memoryMib, memory, count, shared, more);
    }

    /** The same with so many operations a second. */
    public GuestOptions withRate(int operationsPerSecond) {
        Load limited = new Load(load.mebibytes, operationsPerSecond, load.threads);
        return new GuestOptions(memoryMib, memory, processors, limited, more);
    }

    /** The same with more arguments for QEMU. */
    public GuestOptions with(List<String> arguments) {
        List<String> all = new ArrayList<>(more);
        all.addAll(arguments);
        return new GuestOptions(memoryMib, memory, processors, load, all);
    }

    /**
     * QEMU's arguments but for the monitor's and the serial port's.
     *
     * @throws IOException if there is no kernel, and none can be fetched
     */
    public List<String> arguments() throws IOException, InterruptedException {
        List<String> arguments = new ArrayList<>(memory.arguments(memoryMib));
        // The default processor model: "max" has "erms", and without KVM the kernel then clears
        // pages two to three times as slowly.
        arguments.addAll(List.of("-accel", "tcg", "-smp", Integer.toString(processors)));
        arguments.addAll(List.of("-nodefaults", "-no-user-config", "-no-reboot"));
        arguments.addAll(List.of("-display", "none", "-nic", "none"));
        arguments.addAll(List.of("-kernel", GuestKernel.path().toString()));
        arguments.addAll(List.of("-initrd", Initramfs.path().toString()));
        arguments.addAll(
                List.of(
                        "-append",
                        "console=ttyS0 quiet panic=-1 load.mib=%d load.rate=%d load.threads=%d"
                                .formatted(
                                        load.mebibytes, load.operationsPerSecond, load.threads)));
        arguments.addAll(more);
        return List.copyOf(arguments);
    }
}
