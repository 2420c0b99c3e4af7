package dev.stillframe.engine.conformance.backend;

import dev.stillframe.engine.conformance.Backend;
import dev.stillframe.engine.conformance.Machine;
import dev.stillframe.engine.conformance.Machine.Unsupported;
import dev.stillframe.engine.conformance.Suite;
import dev.stillframe.engine.conformance.kernel.NativeMachine;
import dev.stillframe.engine.conformance.model.ModelMachine;
import dev.stillframe.engine.linux.Errno;
import dev.stillframe.engine.mmu.CowPolicy;
import io.micrometer.core.instrument.Clock;
import java.io.IOException;
import java.io.UncheckedIOException;
import org.jspecify.annotations.Nullable;

/** Machines of every backend, on this host. Owned by one thread. */
public final class LocalMachines implements Suite.Machines {
    private final Clock clock;
    private @Nullable String kernelIsMissing;

    /** They see by {@code clock} whether anything goes on. */
    public LocalMachines(Clock clock) {
        this.clock = clock;
    }

    @Override
    public Machine start(Backend backend) {
        return switch (backend) {
            case KERNEL -> kernel();
            case PRE -> new ModelMachine(CowPolicy.PRE, clock);
            case FORCED_WRITE -> new ModelMachine(CowPolicy.FORCED_WRITE, clock);
            case V2 -> new ModelMachine(CowPolicy.V2, clock);
            case V3 -> new ModelMachine(CowPolicy.V3, clock);
            case PAGECOUNT -> new ModelMachine(CowPolicy.PAGECOUNT, clock);
            case MODERN -> new ModelMachine(CowPolicy.MODERN, clock);
        };
    }

    private Machine kernel() {
        if (kernelIsMissing == null) {
            kernelIsMissing = whyNot();
        }
        if (!kernelIsMissing.isEmpty()) {
            throw new Unsupported(kernelIsMissing);
        }
        try {
            return new NativeMachine(clock);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Why the kernel's column must stay empty; an empty text if it need not. */
    private String whyNot() {
        String arch = System.getProperty("os.arch");
        if (!arch.equals("amd64") && !arch.equals("x86_64")) {
            return "native backend: x86-64 only, this is " + arch;
        }
        try (NativeMachine machine = new NativeMachine(clock)) {
            long result = machine.open(Machine.MAIN, "probe", false, false);
            if (result == -Errno.EPERM.number()) {
                return "userfaultfd(2) is not permitted: run as root, or set vm.unprivileged_userfaultfd to 1";
            }
            return result < 0 ? "userfaultfd(2) answers " + Errno.nameOf((int) -result) : "";
        } catch (IOException | UncheckedIOException e) {
            return "no process can be started for it: " + e.getMessage();
        }
    }
}
