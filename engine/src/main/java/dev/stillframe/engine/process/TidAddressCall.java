package dev.stillframe.engine.process;

import dev.stillframe.engine.linux.Architecture;
import dev.stillframe.engine.linux.Errno;
import dev.stillframe.engine.linux.Ptrace;
import dev.stillframe.engine.linux.Ptrace.Wait;
import dev.stillframe.engine.linux.Syscall;
import dev.stillframe.engine.process.Registers.X86;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * Makes a stopped thread ask the kernel for its {@linkplain ExitWord exit word}. Owned by the
 * tracer thread.
 *
 * <p>As with {@link UserfaultfdInjection} nothing needs us to finish it: the call returns into a
 * signal frame that holds the thread's own registers, floating-point state and signal mask, so that
 * a thread that we leave at any instruction restores itself.
 */
final class TidAddressCall {
    private static final int PR_GET_TID_ADDRESS = 40; // include/uapi/linux/prctl.h
    private static final long ALL_SIGNALS = -1;
    private static final int GROUP_STOPS_LIMIT = 8;

    private final int tid;
    private final InjectionGround ground;
    private final Probe probe;
    private final Stops stops;

    /** Waits for the thread's next report. */
    @FunctionalInterface
    interface Stops {
        Wait await(int tid) throws IOException;
    }

    TidAddressCall(int tid, InjectionGround ground, Probe probe, Stops stops) {
        this.tid = tid;
        this.ground = ground;
        this.probe = probe;
        this.stops = stops;
    }

    /**
     * Makes the call.
     *
     * @param original the registers with which the thread goes on
     * @return the address, {@link ExitWord#NONE} if the thread has no such word; it stands then as
     *     it stood before
     * @throws TargetException if the thread may not make it, or the kernel does not know it
     */
    long ask(Registers original) throws IOException {
        SeccompCheck.require(
                tid,
                filter ->
                        filter.allows(Syscall.PRCTL, PR_GET_TID_ADDRESS)
                                && filter.allows(Syscall.RT_SIGRETURN),
                "prctl or rt_sigreturn");
        long mask = Ptrace.signalMask(tid);
        byte[] floating = SignalFrame.floatingState(Ptrace.registers(tid, Ptrace.NT_X86_XSTATE));
        int bytes = SignalFrame.BYTES + 64 + floating.length + 2 * Long.BYTES;
        long base = ground.room(original, bytes);
        long answer = (base + bytes - Long.BYTES) & -Long.BYTES;
        byte[] before = ground.memory().read(base, bytes);
        ground.memory().write(base, frame(base, bytes, original, mask, floating));
        probe.at("ask: aim at the frame");
        set(
                original.copy()
                        .set(X86.RIP, ground.gadgets().sigreturn())
                        .set(X86.RSP, base + 8)
                        .set(X86.ORIG_RAX, -1));
        probe.at("ask: block signals");
        Ptrace.setSignalMask(tid, ALL_SIGNALS);
        probe.at("ask: aim at the call");
        set(
                SignalFrame.calling(
                                original,
                                Syscall.PRCTL,
                                ground.gadgets().syscall(),
                                PR_GET_TID_ADDRESS,
                                answer)
                        .set(X86.RSP, base));
        long result = call();
        long word =
                ByteBuffer.wrap(ground.memory().read(answer, Long.BYTES))
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .getLong();
        probe.at("ask: restore mask");
        Ptrace.setSignalMask(tid, mask);
        probe.at("ask: restore registers");
        set(original);
        probe.at("ask: restore stack");
        ground.memory().write(base, before);
        if (result < 0) {
            throw new TargetException(
                    "thread %d could not say which word the kernel clears at its end (prctl answered %s): this kernel is built without CONFIG_CHECKPOINT_RESTORE, and the thread is not of the GNU C library"
                            .formatted(tid, Errno.nameOf((int) -result)));
        }
        return word;
    }

    private byte[] frame(long base, int bytes, Registers original, long mask, byte[] floating) {
        long floatingAddress = (base + SignalFrame.BYTES + 63) & -64;
        ByteBuffer out = ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
        SignalFrame.put(
                out,
                ground.gadgets().sigreturn(),
                SignalFrame.restarted(original),
                mask,
                floatingAddress);
        out.put((int) (floatingAddress - base), floating);
        return out.array();
    }

    /**
     * Stops it on its way out of the call, where the kernel handles signals: only there an
     * interrupted call restarts.
     */
    private long call() throws IOException {
        probe.at("ask: call");
        Wait wait = toSyscall();
        for (int i = 0; i < GROUP_STOPS_LIMIT && wait instanceof Wait.GroupStop; i++) {
            wait = toSyscall();
        }
        expect(wait, wait instanceof Wait.SyscallStop);
        probe.at("ask: come back");
        Ptrace.interrupt(tid);
        Ptrace.resume(tid, 0);
        wait = stops.await(tid);
        expect(wait, wait instanceof Wait.Interrupted || wait instanceof Wait.GroupStop);
        return new Registers(Ptrace.registers(tid, Ptrace.NT_PRSTATUS), Architecture.CURRENT)
                .get(X86.RAX);
    }

    private Wait toSyscall() throws IOException {
        Ptrace.resumeToSyscall(tid);
        return stops.await(tid);
    }

    private static void expect(Wait wait, boolean expected) throws TargetException {
        if (!expected) {
            throw new TargetException("the injected call was disturbed by " + wait + "; try again");
        }
    }

    private void set(Registers registers) throws IOException {
        Ptrace.setRegisters(tid, Ptrace.NT_PRSTATUS, registers.bytes());
    }
}
