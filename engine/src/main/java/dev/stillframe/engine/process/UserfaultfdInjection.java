package dev.stillframe.engine.process;

import dev.stillframe.engine.linux.Architecture;
import dev.stillframe.engine.linux.Descriptor;
import dev.stillframe.engine.linux.Errno;
import dev.stillframe.engine.linux.Pidfd;
import dev.stillframe.engine.linux.Ptrace;
import dev.stillframe.engine.linux.Ptrace.Wait;
import dev.stillframe.engine.linux.SeccompFilter;
import dev.stillframe.engine.linux.Syscall;
import dev.stillframe.engine.linux.Userfaultfd;
import dev.stillframe.engine.process.Registers.X86;
import dev.stillframe.engine.time.Deadline;
import io.micrometer.core.instrument.Clock;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * Makes a target that knows nothing of us call userfaultfd(2), and takes the descriptor. Owned by
 * the tracer thread.
 *
 * <p><b>Nothing that we do here needs us to finish it.</b> One thread of the target is stopped.
 * Below its red zone we write signal frames, from which rt_sigreturn(2) restores a thread whole.
 * The stopped thread is then made to clone a short-lived thread that has the target's memory but a
 * copy of its descriptor table (no {@code CLONE_FILES}), and to wait for it ({@code CLONE_VFORK}).
 * The short-lived thread calls userfaultfd(2), so that the descriptor never is in the target's own
 * table, and exits, which closes it. When the first thread comes back from clone it returns into a
 * frame that holds its own registers, floating-point state and signal mask.
 *
 * <p>We, meanwhile, stop the short-lived thread between its two calls, copy the descriptor, and put
 * the first thread's registers back ourselves, so that an interrupted system call restarts as the
 * kernel wants it. If we are killed at any instruction the kernel detaches us and the two threads
 * run their frames to the end.
 */
final class UserfaultfdInjection {
    private static final Duration PATIENCE = Duration.ofSeconds(10);
    private static final long POLL_NANOS = 20_000;
    private static final int FRAMES = 3;
    private static final long ALL_SIGNALS = -1;

    /** VM, FS, SIGHAND, VFORK, THREAD, SYSVSEM; not FILES. Source: clone(2). */
    private static final long CLONE_FLAGS = 0x100 | 0x200 | 0x800 | 0x4000 | 0x10000 | 0x40000;

    private static final long CLONE_FILES = 0x400;

    private final Call call;
    private final int tid;
    private final InjectionGround ground;
    private final Gadgets gadgets;
    private final Probe probe;
    private final Clock clock;
    private @Nullable Userfaultfd taken;

    /**
     * What the short-lived thread calls.
     *
     * @param cloneFlags of that thread
     * @param opens whether its answer is the number of a descriptor, which is copied
     */
    record Call(Syscall syscall, long argument, long cloneFlags, boolean opens) {
        /** A userfaultfd that the target itself never has. */
        static final Call TAKE =
                new Call(Syscall.USERFAULTFD, Userfaultfd.OPEN_FLAGS, CLONE_FLAGS, true);

        /** The same, as every process may have one: for {@link WriteMarks}. */
        static final Call TAKE_USER_MODE_ONLY =
                new Call(Syscall.USERFAULTFD, Userfaultfd.USER_MODE_ONLY_FLAGS, CLONE_FLAGS, true);

        /** One that the target has, too. */
        static final Call SHARE =
                new Call(
                        Syscall.USERFAULTFD,
                        Userfaultfd.OPEN_FLAGS,
                        CLONE_FLAGS | CLONE_FILES,
                        true);

        /** Closes a descriptor of the target. */
        static Call close(int number) {
            return new Call(Syscall.CLOSE, number, CLONE_FLAGS | CLONE_FILES, false);
        }
    }

    /** Prepares a call by thread {@code tid}. */
    UserfaultfdInjection(Call call, int tid, InjectionGround ground, Probe probe, Clock clock) {
        this.call = call;
        this.tid = tid;
        this.ground = ground;
        this.gadgets = ground.gadgets();
        this.probe = probe;
        this.clock = clock;
    }

    /**
     * Makes the call. The thread must not be traced yet, and is not traced afterwards.
     *
     * @throws TargetException if the target forbids it. The caller then ends the tracer's thread,
     *     which detaches: the target either was put back already or puts itself back
     */
    Answer call() throws IOException {
        if (Architecture.CURRENT != Architecture.X86_64) {
            throw new TargetException(
                    "attaching to a process is only known for x86-64, this is "
                            + Architecture.CURRENT);
        }
        probe.at("inject: seize");
        Ptrace.seize(tid, Ptrace.O_TRACEVFORK | Ptrace.O_TRACEVFORKDONE | Ptrace.O_TRACESYSGOOD);
        probe.at("inject: interrupt");
        Registers original = stop();
        SeccompCheck.require(tid, this::isAllowed, "userfaultfd, clone, rt_sigreturn or exit");
        try {
            Answer answer = inject(original);
            probe.at("inject: detach");
            Ptrace.detach(tid, 0);
            return answer;
        } catch (Throwable t) {
            if (taken != null) {
                taken.close(); // nobody will hear of it
            }
            throw t;
        }
    }

    private Answer inject(Registers original) throws IOException {
        long mask = Ptrace.signalMask(tid);
        byte[] floating = SignalFrame.floatingState(Ptrace.registers(tid, Ptrace.NT_X86_XSTATE));
        int bytes = FRAMES * SignalFrame.BYTES + 64 + floating.length;
        long base = ground.room(original, bytes);
        byte[] before = ground.memory().read(base, bytes);
        probe.at("inject: write frames");
        ground.memory().write(base, frames(base, bytes, original, mask, floating));
        // From here on, a thread that is let go restores itself; only then may its signals be
        // blocked.
        probe.at("inject: aim at the frame");
        set(
                original.copy()
                        .set(X86.RIP, gadgets.sigreturn())
                        .set(X86.RSP, base + 8)
                        .set(X86.ORIG_RAX, -1));
        probe.at("inject: block signals");
        Ptrace.setSignalMask(tid, ALL_SIGNALS);
        probe.at("inject: aim at clone");
        set(
                SignalFrame.calling(
                                original,
                                Syscall.CLONE,
                                gadgets.syscall(),
                                call.cloneFlags(),
                                base + SignalFrame.BYTES)
                        .set(X86.RSP, base));
        Answer answer = runClone();
        // Only here is the thread known to be back. Anything that threw before leaves it to its
        // frames.
        probe.at("inject: restore mask");
        Ptrace.setSignalMask(tid, mask);
        probe.at("inject: restore registers");
        set(original);
        probe.at("inject: restore stack");
        ground.memory().write(base, before);
        if (!answer.refusal().isEmpty()) {
            throw new TargetException(answer.refusal());
        }
        return answer;
    }

    /**
     * What came of it.
     *
     * @param taken the copy of the descriptor, if the call opened one
     * @param result what the call returned in the target
     * @param refusal why there was no call; empty if all is well
     */
    record Answer(@Nullable Userfaultfd taken, long result, String refusal) {
        Userfaultfd userfaultfd() {
            return Objects.requireNonNull(taken, "the call opened nothing");
        }
    }

    /**
     * The first thread's way home, then the two steps of the short-lived thread, then the
     * floating-point state.
     */
    private byte[] frames(long base, int bytes, Registers original, long mask, byte[] floating) {
        long floatingAddress = (base + FRAMES * SignalFrame.BYTES + 63) & -64;
        ByteBuffer out = ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
        SignalFrame.put(
                out, gadgets.sigreturn(), SignalFrame.restarted(original), mask, floatingAddress);
        Registers open =
                SignalFrame.calling(original, call.syscall(), gadgets.syscall(), call.argument())
                        .set(X86.RSP, base + 2 * SignalFrame.BYTES);
        SignalFrame.put(out, gadgets.sigreturn(), open, ALL_SIGNALS, 0);
        Registers exit = SignalFrame.calling(original, Syscall.EXIT, gadgets.syscall());
        SignalFrame.put(out, gadgets.sigreturn(), exit.set(X86.RSP, base), ALL_SIGNALS, 0);
        out.put((int) (floatingAddress - base), floating);
        return out.array();
    }

    /** Returns with the first thread back from clone, stopped, about to return into its frame. */
    private Answer runClone() throws IOException {
        probe.at("inject: clone");
        Ptrace.resumeToSyscall(tid);
        expect(await(tid), Wait.SyscallStop.class);
        Ptrace.resumeToSyscall(tid);
        Wait wait = await(tid);
        if (wait instanceof Wait.SyscallStop) { // the exit: there is no child
            String refusal =
                    "the target could not start a thread: clone answered "
                            + Errno.nameOf((int) -result(tid))
                            + "; look at its limits of processes (ulimit -u, pids.max of its cgroup)";
            awaitHome();
            return new Answer(null, 0, refusal);
        }
        expect(wait, Wait.Cloned.class);
        int worker = (int) Ptrace.eventMessage(tid);
        expect(await(worker), Wait.Interrupted.class);
        Ptrace.resume(tid, 0); // into the wait for the short-lived thread
        Answer answer = takeFrom(worker);
        probe.at("inject: let the short-lived thread exit");
        Ptrace.resume(worker, 0);
        awaitEnd(worker);
        expect(await(tid), Wait.VforkDone.class);
        awaitHome();
        return answer;
    }

    /**
     * Follows the short-lived thread through rt_sigreturn and userfaultfd(2) and copies the
     * descriptor.
     */
    private Answer takeFrom(int worker) throws IOException {
        for (int stop = 0; stop < 4; stop++) { // entry and exit of both calls
            probe.at("inject: step of the short-lived thread");
            Ptrace.resumeToSyscall(worker);
            expect(await(worker), Wait.SyscallStop.class);
        }
        long result = result(worker);
        if (result < 0) {
            return new Answer(null, result, refusal((int) -result));
        }
        if (!call.opens()) {
            return new Answer(null, result, "");
        }
        probe.at("inject: copy the descriptor");
        try (Pidfd thread = Pidfd.openThread(worker)) {
            Descriptor descriptor = thread.take((int) result, "userfaultfd of the target");
            taken = Userfaultfd.of(descriptor);
            return new Answer(taken, result, "");
        }
    }

    private static long result(int tid) throws IOException {
        return new Registers(Ptrace.registers(tid, Ptrace.NT_PRSTATUS), Architecture.CURRENT)
                .get(X86.RAX);
    }

    private static void expect(Wait wait, Class<? extends Wait> expected) throws TargetException {
        if (!expected.isInstance(wait)) {
            throw new TargetException("the injected call was disturbed by " + wait + "; try again");
        }
    }

    private String refusal(int errno) {
        String name = Errno.nameOf(errno);
        return call.syscall()
                + " in the target answered "
                + name
                + switch (name) {
                    case "EPERM" ->
                            ": the target has no CAP_SYS_PTRACE of its own; allow it with"
                                    + " `sysctl vm.unprivileged_userfaultfd=1`, or take the instant at"
                                    + " the end, which needs no such right";
                    case "ENOSYS" -> ": this kernel is built without userfaultfd";
                    case "EMFILE" ->
                            ": the target is at its limit of open files; raise it with prlimit(1)";
                    default -> "";
                };
    }

    /**
     * Stops the first thread on its way out of clone, where the kernel handles signals: only there
     * restarts work.
     */
    private void awaitHome() throws IOException {
        Ptrace.interrupt(tid);
        Ptrace.resume(tid, 0);
        Wait wait = await(tid);
        if (!(wait instanceof Wait.GroupStop)) {
            expect(wait, Wait.Interrupted.class);
        }
    }

    private boolean isAllowed(SeccompFilter filter) {
        return filter.allows(Syscall.CLONE, call.cloneFlags())
                && filter.allows(call.syscall(), call.argument())
                && filter.allows(Syscall.RT_SIGRETURN)
                && filter.allows(Syscall.EXIT);
    }

    private void set(Registers registers) throws IOException {
        Ptrace.setRegisters(tid, Ptrace.NT_PRSTATUS, registers.bytes());
    }

    /**
     * Stops the seized thread; a signal that comes first is delivered before it stops.
     *
     * @return the registers with which it goes on
     */
    private Registers stop() throws IOException {
        Ptrace.interrupt(tid);
        Wait wait = await(tid);
        while (wait instanceof Wait.Signal(_, int signal)) {
            probe.at("inject: pass a signal on");
            Ptrace.interrupt(tid);
            Ptrace.resume(tid, signal);
            wait = await(tid);
        }
        Registers registers =
                new Registers(Ptrace.registers(tid, Ptrace.NT_PRSTATUS), Architecture.CURRENT);
        if (wait instanceof Wait.Interrupted && InterruptedCalls.restart(registers)) {
            set(registers);
        }
        return registers;
    }

    private void awaitEnd(int tid) throws IOException {
        while (!(await(tid) instanceof Wait.Ended)) {
            Ptrace.resume(tid, 0);
        }
    }

    private Wait await(int tid) throws IOException {
        Deadline deadline = Deadline.in(clock, PATIENCE);
        while (!deadline.hasPassed()) {
            @Nullable Wait wait = Ptrace.poll(tid);
            if (wait != null) {
                return wait;
            }
            LockSupport.parkNanos(POLL_NANOS);
        }
        throw new TargetException(
                "%s (waited for %d s)".formatted(StuckThread.of(tid), PATIENCE.toSeconds()));
    }
}
