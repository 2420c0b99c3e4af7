package dev.stillframe.engine.conformance.model;

import dev.stillframe.engine.conformance.Act;
import dev.stillframe.engine.conformance.Machine.Unsupported;
import dev.stillframe.engine.conformance.Reply;
import dev.stillframe.engine.linux.Errno;
import dev.stillframe.engine.mmu.EmulatedProcess;
import dev.stillframe.engine.mmu.MemoryCalls.Advice;
import dev.stillframe.engine.mmu.MemoryCalls.Move;
import dev.stillframe.engine.mmu.Outcome;
import dev.stillframe.engine.mmu.PageHold;
import dev.stillframe.engine.mmu.Task;
import dev.stillframe.engine.mmu.Transfers;
import dev.stillframe.engine.mmu.Transfers.FutexCall;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** One thread of the model and what it is doing. Owned by the machine's thread. */
final class ModelThread {
    private static final byte[] NOTHING = {};

    private final Task task;
    private final ModelMachine machine;
    private final long clearTid;
    private long robust;
    private @Nullable Reply ioReply;
    private @Nullable Buffer buffer;
    private byte[] data = NOTHING;
    private @Nullable ModelHammer hammer;
    private Act.@Nullable Kind kind;

    /** A registered buffer and where it was. */
    private record Buffer(PageHold hold, long address) {}

    /** {@code clearTid} is the word that is cleared when the thread ends; 0: none. */
    ModelThread(Task task, ModelMachine machine, long clearTid) {
        this.task = task;
        this.machine = machine;
        this.clearTid = clearTid;
    }

    Task task() {
        return task;
    }

    EmulatedProcess process() {
        return task.process();
    }

    /** Begins {@code act}, which is about {@code target}. */
    void begin(Act act, EmulatedProcess target) {
        Transfers transfers = task.transfers();
        long address = act.address();
        long bytes = act.bytes();
        kind = act.kind();
        data = NOTHING;
        hammer = null;
        switch (act.kind()) {
            case LOAD -> task.load(address, 1);
            case STORE -> task.store(address, act.value(), 1);
            case STORE8 ->
                    task.store(address, (act.value() & 0xff) * 0x0101010101010101L, Long.BYTES);
            case CAS -> task.compareAndSet(address, act.other(), act.value(), 1);
            case HAMMER -> hammer = new ModelHammer(task, address, bytes);
            case WRITE -> transfers.write(address, out(bytes));
            case READ -> transfers.read(address, in(act));
            case DIRECT_WRITE -> transfers.directWrite(address, out(bytes));
            case DIRECT_READ -> transfers.directRead(address, in(act));
            case VM_READ -> transfers.processRead(target, address, out(bytes));
            case VM_WRITE -> transfers.processWrite(target, address, in(act));
            case MEM_READ -> transfers.peek(target, address, out(bytes));
            case MEM_WRITE -> transfers.poke(target, address, in(act));
            case PEEK -> transfers.peek(target, address, out(Long.BYTES));
            case POKE -> transfers.poke(target, address, filled(Long.BYTES, act.value()));
            case VMSPLICE -> {
                PageHold spliced = transfers.pipe(address);
                machine.pipe(process(), act.name()).add(spliced);
                transfers.vmsplice(address, (int) bytes, spliced);
            }
            case PIPE_READ -> data = machine.pipe(process(), act.name()).read((int) bytes);
            case IO_REGISTER -> {
                PageHold hold = transfers.buffer(address);
                buffer = new Buffer(hold, address);
                machine.pipe(process(), "ring " + task.id() + " " + address).add(hold);
                transfers.register(address, (int) bytes, true, hold);
            }
            case IO_READ -> {
                data = in(act);
                ioReply = ioRead(act);
            }
            case ROBUST_FUTEX -> {
                robust = address;
                transfers.poke(process(), address, word(task.id()));
            }
            case FUTEX_WAIT -> transfers.futex(FutexCall.WAIT_PRIVATE, address);
            case FUTEX_WAKE_SHARED -> transfers.futex(FutexCall.WAIT_SHARED, address);
            case FUTEX_WAKE_OP -> transfers.futex(FutexCall.WAKE_OP, address);
            case FUTEX_LOCK_PI -> transfers.futex(FutexCall.LOCK_PI, address);
            case MLOCK -> task.memory().lock(address, bytes);
            case POPULATE_READ -> task.memory().populate(address, bytes, false);
            case POPULATE_WRITE -> task.memory().populate(address, bytes, true);
            case MADVISE -> task.memory().advise(address, bytes, advice(act.name()));
            case MPROTECT ->
                    task.memory()
                            .protect(
                                    address, bytes, (act.value() & 1) != 0, (act.value() & 2) != 0);
            case MUNMAP -> task.memory().unmap(address, bytes);
            case MREMAP -> {
                if (act.value() == Act.IN_PLACE) {
                    task.memory().remap(address, bytes, act.other(), Move.IN_PLACE);
                } else if (act.value() == 0) {
                    task.memory()
                            .remapTo(
                                    address, bytes, act.other(), machine.elsewhere(process(), act));
                } else {
                    task.memory().remapTo(address, bytes, act.other(), act.value());
                }
            }
            case FORK -> task.memory().fork();
            case SPAWN, VFORK -> task.memory().cloneInSameMemory();
            case MMAP -> task.memory().mapOver(address, bytes);
            case EXEC -> {
                if (task != process().task()) {
                    throw new IllegalArgumentException(
                            "only the first thread of a process executes a program");
                }
                process().exec();
                machine.forget(process());
            }
            case EXIT -> exit();
            case CLONE_CLEARTID -> throw new IllegalArgumentException("makes a thread: " + act);
        }
    }

    private void exit() {
        if (task == process().task()) {
            process().exit(); // its other threads are taken along
            machine.forget(process());
        } else if (robust != 0) {
            task.exitHolding(robust);
        } else if (clearTid != 0) {
            task.exit(clearTid);
        } else {
            task.kill();
        }
    }

    private static Advice advice(String name) {
        try {
            return Advice.valueOf(name.toUpperCase(Locale.ROOT).replace('-', '_'));
        } catch (IllegalArgumentException _) {
            throw new Unsupported("the model has no madvise " + name);
        }
    }

    private static byte[] word(int value) {
        return ByteBuffer.allocate(Integer.BYTES)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(value)
                .array();
    }

    /** IORING_OP_READ_FIXED: through the buffer, if the range lies in it. */
    private Reply ioRead(Act act) {
        if (buffer == null) {
            throw new IllegalArgumentException("no buffer was registered by this thread");
        }
        long from = act.address() - buffer.address();
        if (from < 0 || from + act.bytes() > buffer.hold().length()) {
            return Reply.Done.of(-Errno.EFAULT.number());
        }
        buffer.hold().write((int) from, data);
        return Reply.Done.of(act.bytes());
    }

    private byte[] out(long bytes) {
        data = new byte[(int) bytes];
        return data;
    }

    private static byte[] in(Act act) {
        return filled(act.bytes(), act.value());
    }

    private static byte[] filled(long bytes, long value) {
        byte[] bytesOf = new byte[(int) bytes];
        Arrays.fill(bytesOf, (byte) value);
        return bytesOf;
    }

    /** Lets a loop go on for a while. */
    void run() {
        if (hammer != null) {
            hammer.run();
        }
    }

    void halt() {
        if (hammer == null) {
            throw new IllegalStateException("it does not hammer");
        }
        hammer.halt();
    }

    boolean isDoing(Act.Kind what) {
        return kind == what;
    }

    Reply reply() {
        if (!process().isAlive()) {
            return new Reply.Gone();
        }
        if (hammer != null) {
            return hammer.reply();
        }
        if (kind == null) {
            return Reply.Done.of(0);
        }
        if (kind == Act.Kind.EXIT) {
            return new Reply.Gone();
        }
        if (kind == Act.Kind.PIPE_READ) {
            return new Reply.Done(data.length, data);
        }
        if (kind == Act.Kind.IO_READ && ioReply != null) {
            return ioReply;
        }
        if (kind == Act.Kind.EXEC) {
            return Reply.Done.of(0);
        }
        return reply(kind, task.outcome());
    }

    private Reply reply(Act.Kind of, Outcome outcome) {
        return switch (outcome) {
            case Outcome.Done(long value) -> done(of, value);
            case Outcome.Parked(_, boolean interruptible) -> new Reply.Parked(interruptible);
            case Outcome.Signalled(Outcome.Signal signal) -> new Reply.Signalled(signal.name());
            case Outcome.Killed() -> new Reply.Gone();
        };
    }

    private Reply done(Act.Kind of, long value) {
        return switch (of) {
            case LOAD -> new Reply.Done(value, new byte[] {(byte) value});
            case FUTEX_WAIT ->
                    Reply.Done.of(value < 0 ? value : -Errno.EAGAIN.number()); // the word differs
            case STORE, STORE8, CAS -> Reply.Done.of(value);
            default ->
                    new Reply.Done(
                            value,
                            value < 0
                                    ? NOTHING
                                    : Arrays.copyOf(data, (int) Math.min(value, data.length)));
        };
    }
}
