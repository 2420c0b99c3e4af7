package dev.stillframe.agent.job;

import dev.stillframe.agent.qemu.MachineSnapshot;
import dev.stillframe.engine.capture.SnapshotException;
import dev.stillframe.engine.page.PageSink;

/** Takes a snapshot of a virtual machine: the real thing, or a fake in tests. */
@FunctionalInterface
public interface MachineTaker {
    /**
     * Takes the snapshot in the calling thread; an interrupt ends it.
     *
     * @param sink finished or aborted by this call; closing it again does no harm
     * @throws SnapshotException if there is none; the machine is as it was and nothing is published
     * @throws InterruptedException if the calling thread was interrupted; the same holds
     */
    MachineSnapshot.Taken take(
            MachineSnapshot.Subject subject, PageSink sink, SnapshotTaker.Setting setting)
            throws SnapshotException, InterruptedException;
}
