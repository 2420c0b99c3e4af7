package dev.stillframe.engine.mmu;

import dev.stillframe.engine.mmu.FaultPath.Origin;

/**
 * The system calls that read or write memory on a thread's behalf. Each answers as {@link Task} does; a finished one has
 * the number of bytes, or a negative errno. Arrays that are filled belong to the caller.
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
        return task.start(new Pinning(task, task.process(), address, into, false));
    }

    /** read(2) with O_DIRECT: the device writes to pinned pages. */
    public Outcome directRead(long address, byte[] from) {
        return task.start(new Pinning(task, task.process(), address, from, true));
    }

    /** process_vm_readv(2) of another process. */
    public Outcome processRead(EmulatedProcess target, long address, byte[] into) {
        return task.start(new Pinning(task, target, address, into, false));
    }

    /** process_vm_writev(2) to another process: nothing is written before all pages are there. */
    public Outcome processWrite(EmulatedProcess target, long address, byte[] from) {
        return task.start(new Pinning(task, target, address, from, true));
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

    /** A buffer is registered with a device, which will read from or also write to it. */
    public Outcome register(long address, int bytes, boolean write, PageHold buffer) {
        return task.start(new Holding(task.process(), Grab.LONGTERM_PIN, address, bytes, write, buffer));
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
        return task.start(switch (call) {
            case WAIT_PRIVATE -> new Copying(address, new byte[Integer.BYTES], false);
            case WAIT_SHARED -> new Touching(address, 1, Touching.Right.WRITE, Grab.GET, Origin.GRAB);
            case WAKE_OP, LOCK_PI -> new Touching(address, 1, Touching.Right.WRITE, Grab.TOUCH, Origin.GRAB_AT_ONCE);
        });
    }

    /** What futex(2) does to memory before it does anything else. */
    public enum FutexCall {
        /** FUTEX_WAIT with FUTEX_PRIVATE_FLAG: reads the word. */
        WAIT_PRIVATE,
        /** FUTEX_WAIT or FUTEX_WAKE with a key that processes share: takes the page, for writing if it can. */
        WAIT_SHARED,
        /** FUTEX_WAKE_OP: changes the word where waiting is impossible. */
        WAKE_OP,
        /** FUTEX_LOCK_PI, contended: the same. */
        LOCK_PI
    }

    /** mlock(2): pages are made present, and one's own where that is what a write would do. */
    public Outcome mlock(long address, long bytes) {
        return task.start(new Touching(address, pages(bytes), Touching.Right.AS_MAPPED, Grab.TOUCH, Origin.GRAB));
    }

    /** madvise(2) MADV_POPULATE_READ or MADV_POPULATE_WRITE. */
    public Outcome populate(long address, long bytes, boolean write) {
        Touching.Right right = write ? Touching.Right.WRITE : Touching.Right.READ;
        return task.start(new Touching(address, pages(bytes), right, Grab.TOUCH, Origin.GRAB));
    }

    private static long pages(long bytes) {
        return (bytes + Mmu.PAGE_BYTES - 1) / Mmu.PAGE_BYTES;
    }
}
