package dev.stillframe.engine.process;

import dev.stillframe.engine.linux.Architecture;
import dev.stillframe.engine.linux.Errno;
import dev.stillframe.engine.linux.ErrnoException;
import dev.stillframe.engine.linux.Ptrace;
import dev.stillframe.engine.linux.Ptrace.Wait;
import dev.stillframe.engine.linux.RobustList;
import org.jspecify.annotations.Nullable;

/** A thread that is traced. Owned by the tracer's thread. */
final class Tracee {
    final int tid;

    /** The process that it is a thread of, 0 until it has reported itself. */
    int process;

    /** It came with a clone of another tracee and has not reported itself. */
    boolean isNew;

    /** It does not have the target's memory, and is let go as soon as it reports itself. */
    boolean isStranger;

    /** See {@link ExitWord}. */
    long exitWord = ExitWord.UNKNOWN;

    /** Why it stands; null while it runs. */
    @Nullable Wait stop;

    /** Those with which it goes on; null while it runs. */
    @Nullable Registers registers;

    private Tracee(int tid, int process, boolean isNew) {
        this.tid = tid;
        this.process = process;
        this.isNew = isNew;
    }

    /** One that ran before it was seized. */
    static Tracee seized(int tid, int process) {
        return new Tracee(tid, process, false);
    }

    /** One that the kernel seized for us when it was made. */
    static Tracee cloned(int tid, int process) {
        return new Tracee(tid, process, true);
    }

    boolean stands() {
        return stop != null;
    }

    /** Where it is, while it stands at any stop. */
    Registers readRegisters() throws ErrnoException {
        return new Registers(Ptrace.registers(tid, Ptrace.NT_PRSTATUS), Architecture.CURRENT);
    }

    /** As it is for those who must know where the kernel writes on its behalf. */
    FrozenThread describe(Registers at) throws ErrnoException {
        return new FrozenThread(
                tid,
                at.stackPointer(),
                at.threadPointer(),
                RobustList.head(tid),
                Math.max(exitWord, ExitWord.NONE));
    }

    /** It stands from now on, at a stop that carries no signal. */
    void stand(Wait at) throws ErrnoException {
        try {
            Registers read = readRegisters();
            if (at instanceof Wait.Interrupted && InterruptedCalls.restart(read)) {
                Ptrace.setRegisters(tid, Ptrace.NT_PRSTATUS, read.bytes());
            }
            registers = read;
            stop = at;
        } catch (ErrnoException e) {
            if (!e.is(Errno.ESRCH)) { // killed meanwhile; its end is reported next
                throw e;
            }
        }
    }

    /** Lets it go on if it stands, without a signal. A stop of its whole process stays one. */
    void goOn() throws ErrnoException {
        @Nullable Wait from = stop;
        stop = null;
        registers = null;
        if (from instanceof Wait.GroupStop) {
            unlessGone(() -> Ptrace.listen(tid));
        } else if (from != null) {
            resume(0);
        }
    }

    /** Lets it go on, and delivers {@code signal} unless that is 0. */
    void resume(int signal) throws ErrnoException {
        unlessGone(() -> Ptrace.resume(tid, signal));
    }

    void interrupt() throws ErrnoException {
        unlessGone(() -> Ptrace.interrupt(tid));
    }

    void detach() throws ErrnoException {
        unlessGone(() -> Ptrace.detach(tid, 0));
    }

    @FunctionalInterface
    private interface Request {
        void make() throws ErrnoException;
    }

    /** One that is killed stands no more, and its end is reported next. */
    private static void unlessGone(Request request) throws ErrnoException {
        try {
            request.make();
        } catch (ErrnoException e) {
            if (!e.is(Errno.ESRCH)) {
                throw e;
            }
        }
    }
}
