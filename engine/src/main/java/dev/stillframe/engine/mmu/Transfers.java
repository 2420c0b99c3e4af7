package dev.stillframe.engine.mmu;

/**
 * The system calls that read or write memory on a thread's behalf. Each answers as {@link Task}
 * does; a finished one has the number of bytes, or a negative errno. Arrays that are filled belong
 * to the caller.
 */
public final class Transfers {
    private final Task task;

    Transfers(Task task) {
        this.task = task;
    }

    /** write(2), buffered: reads memory as an instruction would. */
    public Outcome write(long address, byte[] into) {
        return task.start(new Copying(address, into, false));
    }

    /** read(2): writes to memory, page by page. */
    public Outcome read(long address, byte[] from) {
        return task.start(new Copying(address, from, true));
    }

    /** write(2) with O_DIRECT: the device reads pinned pages. */
    public Outcome directWrite(long address, byte[] into) {
        return task.start(new Pinning(task, task.process(), address, into, false, true));
    }

    /** read(2) with O_DIRECT: the device writes to pinned pages. */
    public Outcome directRead(long address, byte[] from) {
        return task.start(new Pinning(task, task.process(), address, from, true, true));
    }

    /** process_vm_readv(2) of another process. */
    public Outcome processRead(EmulatedProcess target, long address, byte[] into) {
        return task.start(new Pinning(task, target, address, into, false, false));
    }

    /** process_vm_writev(2) to another process: nothing is written before all pages are there. */
    public Outcome processWrite(EmulatedProcess target, long address, byte[] from) {
        return task.start(new Pinning(task, target, address, from, true, false));
    }

    /** PTRACE_PEEKDATA, or a read of /proc/PID/mem. */
    public Outcome peek(EmulatedProcess target, long address, byte[] into) {
        return task.start(new Debugging(target, address, into, false));
    }

    /** PTRACE_POKEDATA, or a write to /proc/PID/mem. */
    public Outcome poke(EmulatedProcess target, long address, byte[] from) {
        return task.start(new Debugging(target, address, from, true));
    }

    /** vmsplice(2) to a pipe, by reference; the pipe is what {@link #pipe} made. */
    public Outcome vmsplice(long address, int bytes, PageHold pipe) {
        return task.start(new Holding(task.process(), Grab.GET, address, bytes, false, pipe));
    }

    /**
     * A buffer is registered with a device, which will read from or also write to it; 0 if all of
     * it could be had.
     */
    public Outcome register(long address, int bytes, boolean write, PageHold buffer) {
        Holding all =
                new Holding(task.process(), Grab.LONGTERM_PIN, address, bytes, write, buffer, true);
        return task.start(
                new Operation() {
                    @Override
                    public Outcome attempt(Task thread) {
                        Outcome held = all.attempt(thread);
                        return held instanceof Outcome.Done(long count) && count >= 0
                                ? Outcome.OK
                                : held;
                    }

                    @Override
                    public void abandon() {
                        all.abandon();
                    }
                });
    }

    /** An empty pipe for {@link #vmsplice} at {@code address}. */
    public PageHold pipe(long address) {
        return new PageHold(task.mmu(), Grab.GET, address);
    }

    /** An empty buffer for {@link #register} at {@code address}. */
    public PageHold buffer(long address) {
        return new PageHold(task.mmu(), Grab.LONGTERM_PIN, address);
    }

    /** A call of futex(2) on the word at {@code address}, as far as memory is concerned. */
    public Outcome futex(FutexCall call, long address) {
        return task.start(
                call == FutexCall.WAIT_PRIVATE
                        ? new Copying(address, new byte[Integer.BYTES], false)
                        : new FutexWord(call, address));
    }

    /** What futex(2) does to memory before it does anything else. */
    public enum FutexCall {
        /** FUTEX_WAIT with FUTEX_PRIVATE_FLAG: reads the word. */
        WAIT_PRIVATE,
        /**
         * FUTEX_WAIT or FUTEX_WAKE with a key that processes share: takes the page, for writing if
         * it can.
         */
        WAIT_SHARED,
        /** FUTEX_WAKE_OP: changes the word where waiting is impossible. */
        WAKE_OP,
        /** FUTEX_LOCK_PI, contended: the same. */
        LOCK_PI,
        /** No call: what the kernel does to a robust lock whose owner ends. */
        OWNER_DIES
    }
}
