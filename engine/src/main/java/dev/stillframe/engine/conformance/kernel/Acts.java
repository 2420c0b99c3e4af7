package dev.stillframe.engine.conformance.kernel;

import static dev.stillframe.engine.conformance.kernel.Channel.Operation.CALL;

import dev.stillframe.engine.conformance.Act;
import dev.stillframe.engine.conformance.Machine.Unsupported;
import dev.stillframe.engine.conformance.Reply;
import dev.stillframe.engine.conformance.kernel.Channel.Operation;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Map;
import java.util.function.LongFunction;

/** Everything that one thread does to memory, as instructions and system calls of an actor. Stateless but for its files. */
final class Acts {
    private static final Map<String, Integer> ADVICE =
            Map.of(
                    "dontneed", 4, "free", 8, "remove", 9, "dontfork", 10, "wipeonfork", 18, "mergeable", 12,
                    "hugepage", 14, "pageout", 21, "collapse", 25);
    private static final int POPULATE_READ = 22;
    private static final int POPULATE_WRITE = 23;
    private static final int FUTEX_WAKE = 1;
    private static final int FUTEX_WAKE_OP = 5;
    private static final int FUTEX_LOCK_PI = 6;
    private static final int FUTEX_PRIVATE_WAIT = 128;
    private static final long FUTEX_OP_ADD_1 = 1L << 28 | 1L << 12;
    private static final int MREMAP_MAYMOVE_FIXED = 3;
    private static final long SAME_BYTE = 0x0101010101010101L;

    private final Storage storage;
    private final Tracing tracing = new Tracing();

    Acts(Storage storage) {
        this.storage = storage;
    }

    /** Starts {@code act}; {@code target} is the process it is about. */
    void begin(Actor actor, Act act, ActorProcess target) {
        long address = act.address();
        long bytes = act.bytes();
        switch (act.kind()) {
            case LOAD -> actor.begin("load", Acts::loaded, Operation.LOAD1, address);
            case STORE -> actor.begin("store", Reply.Done::of, Operation.STORE1, address, act.value());
            case STORE8 -> actor.begin("store8", Reply.Done::of, Operation.STORE8, address, act.value() * SAME_BYTE);
            case CAS -> actor.begin("cas", Reply.Done::of, Operation.SWAP1, address, act.other(), act.value());
            case HAMMER -> {
                actor.unhalt();
                actor.begin("hammer", Reply.Done::of, Operation.HAMMER, address, bytes);
            }
            case WRITE -> write(actor, address, bytes);
            case READ -> {
                feed(actor, "pipe", bytes, act.value());
                call(actor, Reply.Done::of, Call.READ, pipe(actor, "pipe", 0), address, bytes);
            }
            case DIRECT_WRITE -> call(
                    actor,
                    done -> new Reply.Done(done, done < 0 ? new byte[0] : storage.readDirect((int) bytes)),
                    Call.PWRITE,
                    storage.direct(actor),
                    address,
                    bytes,
                    0);
            case DIRECT_READ -> {
                int file = storage.direct(actor);
                storage.writeDirect(filled(bytes, act.value()));
                call(actor, Reply.Done::of, Call.PREAD, file, address, bytes, 0);
            }
            case VM_READ, VM_WRITE -> processMemory(actor, act, target);
            case MEM_READ, MEM_WRITE -> memoryFile(actor, act, target);
            case PEEK, POKE -> tracing.begin(actor, act, target);
            case VMSPLICE -> call(
                    actor,
                    Reply.Done::of,
                    Call.VMSPLICE,
                    pipe(actor, act.name(), 1),
                    actor.structure(Ioctls.bytes(address, bytes)),
                    1,
                    0);
            case PIPE_READ -> {
                int pipe = pipe(actor, act.name(), 0);
                call(actor, taken(actor, bytes), Call.READ, pipe, actor.bulk(bytes), bytes);
            }
            case IO_REGISTER -> ioRegister(actor, address, bytes);
            case FUTEX_WAIT -> call(
                    actor, Reply.Done::of, Call.FUTEX, address, FUTEX_PRIVATE_WAIT, 0x7fffffff, 0);
            case FUTEX_WAKE_SHARED -> call(actor, Reply.Done::of, Call.FUTEX, address, FUTEX_WAKE, 1);
            case FUTEX_WAKE_OP -> call(
                    actor,
                    Reply.Done::of,
                    Call.FUTEX,
                    actor.area() + Actor.STRUCTURES,
                    FUTEX_WAKE_OP | 128,
                    1,
                    1,
                    address,
                    FUTEX_OP_ADD_1);
            case FUTEX_LOCK_PI -> call(actor, Reply.Done::of, Call.FUTEX, address, FUTEX_LOCK_PI | 128, 0, 0);
            case MLOCK -> call(actor, Reply.Done::of, Call.MLOCK, address, bytes);
            case POPULATE_READ -> call(actor, Reply.Done::of, Call.MADVISE, address, bytes, POPULATE_READ);
            case POPULATE_WRITE -> call(actor, Reply.Done::of, Call.MADVISE, address, bytes, POPULATE_WRITE);
            case MADVISE -> call(actor, Reply.Done::of, Call.MADVISE, address, bytes, advice(act.name()));
            case MPROTECT -> call(actor, Reply.Done::of, Call.MPROTECT, address, bytes, act.value());
            case MUNMAP -> call(actor, Reply.Done::of, Call.MUNMAP, address, bytes);
            case MREMAP -> call(
                    actor,
                    Reply.Done::of,
                    Call.MREMAP,
                    address,
                    bytes,
                    bytes,
                    MREMAP_MAYMOVE_FIXED,
                    act.value() == 0 ? Maps.elsewhere(actor, bytes) : act.value());
            case EXIT -> {
                boolean first = actor.tid() == actor.process().pid(); // it takes its handler along
                call(actor, Reply.Done::of, first ? Call.EXIT_GROUP : Call.EXIT, 0);
            }
            case FORK, SPAWN, VFORK, CLONE_CLEARTID -> throw new IllegalArgumentException("makes a thread: " + act);
        }
    }

    private static Reply loaded(long value) {
        return new Reply.Done(value, new byte[] {(byte) value});
    }

    private static void call(Actor actor, LongFunction<Reply> finish, Call call, long... arguments) {
        actor.begin(call.name(), finish, CALL, Actor.withNumber(call, arguments));
    }

    /** Takes what came to the actor's bulk area. */
    private static LongFunction<Reply> taken(Actor actor, long bytes) {
        return done ->
                new Reply.Done(
                        done,
                        done < 0
                                ? new byte[0]
                                : actor.process().memory().read(actor.bulk(bytes), (int) Math.min(done, bytes)));
    }

    private static byte[] filled(long bytes, long value) {
        byte[] data = new byte[(int) bytes];
        Arrays.fill(data, (byte) value);
        return data;
    }

    private static void write(Actor actor, long address, long bytes) {
        int end = pipe(actor, "pipe", 1);
        String other = "/proc/" + actor.process().pid() + "/fd/" + pipe(actor, "pipe", 0);
        call(
                actor,
                done -> {
                    try (FileInputStream in = new FileInputStream(other)) {
                        return new Reply.Done(done, done < 0 ? new byte[0] : in.readNBytes((int) done));
                    } catch (IOException e) {
                        throw new UncheckedIOException(e);
                    }
                },
                Call.WRITE,
                end,
                address,
                bytes);
    }

    /** Puts bytes into a pipe from here. */
    private static void feed(Actor actor, String name, long bytes, long value) {
        String path = "/proc/" + actor.process().pid() + "/fd/" + pipe(actor, name, 1);
        try (FileOutputStream out = new FileOutputStream(path)) {
            out.write(filled(bytes, value));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** An end of a pipe that the actor's process has, or gets: 0 to read, 1 to write. A fork's child has it too. */
    private static int pipe(Actor actor, String name, int end) {
        Map<String, Integer> descriptors = actor.process().descriptors();
        if (!descriptors.containsKey(name + "0")) {
            try {
                int[] ends = ActorProcess.pipe(actor);
                descriptors.put(name + "0", ends[0]);
                descriptors.put(name + "1", ends[1]);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
        return descriptors.getOrDefault(name + end, -1);
    }

    private static void processMemory(Actor actor, Act act, ActorProcess target) {
        boolean write = act.kind() == Act.Kind.VM_WRITE;
        long bulk = actor.bulk(act.bytes());
        if (write) {
            actor.process().memory().write(bulk, filled(act.bytes(), act.value()));
        }
        long vectors = actor.structure(Ioctls.bytes(bulk, act.bytes(), act.address(), act.bytes()));
        call(
                actor,
                write ? Reply.Done::of : taken(actor, act.bytes()),
                write ? Call.PROCESS_VM_WRITEV : Call.PROCESS_VM_READV,
                target.pid(),
                vectors,
                1,
                vectors + 16,
                1,
                0);
    }

    private static void memoryFile(Actor actor, Act act, ActorProcess target) {
        boolean write = act.kind() == Act.Kind.MEM_WRITE;
        byte[] path = ("/proc/" + target.pid() + "/mem\0").getBytes(StandardCharsets.US_ASCII);
        long file = actor.call(Call.OPEN, actor.structure(path), 2);
        long bulk = actor.bulk(act.bytes());
        if (write) {
            actor.process().memory().write(bulk, filled(act.bytes(), act.value()));
        }
        call(
                actor,
                write ? Reply.Done::of : taken(actor, act.bytes()),
                write ? Call.PWRITE : Call.PREAD,
                file,
                bulk,
                act.bytes(),
                act.address());
    }

    private static void ioRegister(Actor actor, long address, long bytes) {
        actor.process().memory().write(actor.bulk(120), new byte[120]);
        long ring = actor.call(Call.IO_URING_SETUP, 1, actor.bulk(120));
        if (ring < 0) {
            throw new Unsupported("needs io_uring: io_uring_setup answers errno " + -ring);
        }
        long vector = actor.structure(Ioctls.bytes(address, bytes));
        call(actor, Reply.Done::of, Call.IO_URING_REGISTER, ring, 0, vector, 1);
    }

    private static int advice(String name) {
        Integer number = ADVICE.get(name);
        if (number == null) {
            throw new IllegalArgumentException("advice " + name);
        }
        return number;
    }
}
