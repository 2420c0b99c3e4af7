package dev.stillframe.agent.qemu;

import dev.stillframe.engine.instant.MachineState;
import dev.stillframe.engine.instant.Source;
import dev.stillframe.engine.process.Attachment;
import dev.stillframe.engine.process.Target;
import dev.stillframe.engine.process.Windows;
import java.io.IOException;
import java.util.List;

/**
 * The memory of a machine in QEMU's process: its blocks at QEMU's own numbers for them, whole, so
 * that one can be mapped from an image. The instant is where the machine stands, not QEMU: QEMU's
 * threads are never stopped.
 */
final class GuestMemory extends Windows {
    private final Standstill standstill;

    /** Of {@code process}, which is closed with this. */
    GuestMemory(Target process, List<RamBlock> ram, Standstill standstill) {
        super(process, ram.stream().map(b -> new Window(b.range(), b.processStart())).toList());
        this.standstill = standstill;
    }

    @Override
    protected Attachment hold(Attachment process) throws IOException {
        standstill.awaitGuardian();
        return standstill;
    }

    @Override
    public MachineState machine() {
        return standstill.machine();
    }

    @Override
    public boolean isSolid() {
        return true;
    }

    @Override
    public Source source() throws IOException {
        return process().source();
    }
}
