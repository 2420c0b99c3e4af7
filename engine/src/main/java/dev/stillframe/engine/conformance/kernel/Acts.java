package dev.stillframe.engine.conformance.kernel;

import static dev.stillframe.engine.conformance.kernel.Channel.Operation.CALL;

import dev.stillframe.engine.conformance.Act;
import dev.stillframe.engine.conformance.Reply;
import dev.stillframe.engine.conformance.kernel.Channel.Operation;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.function.LongFunction;

/**
 * Everything that one thread does to memory, as instructions and system calls of an actor.
 * Stateless but for its files.
 */
final class Acts {
    private static final Map<String, Integer> ADVICE =
            Map.ofEntries(
                    Map.entry("dontneed", 4),
                    Map.entry("free", 8),
                    Map.entry("remove", 9),
                    Map.entry("dontfork", 10),
                    Map.entry("mergeable", 12),
                    Map.entry("hugepage", 14),
                    Map.entry("wipeonfork", 18),
                    Map.entry("cold", 20),
                    Map.entry("pageout", 21),
                    Map.entry("dontneed-locked", 24),
                    Map.entry("collapse", 25));
    private static final int POPULATE_READ = 22;
    private static final int POPULATE_WRITE = 23;
    private static final int FUTEX_WAKE = 1;
    private static final int FUTEX_WAKE_OP = 5;
    private static final int FUTEX_LOCK_PI = 6;
    private static final int FUTEX_PRIVATE_WAIT = 128;
    private static final long FUTEX_OP_ADD_1 = 1L << 28 | 1L << 12;
    private static final int PROT_READ_WRITE = 3;
    private static final int MAP_PRIVATE_ANONYMOUS_FIXED = 0x32;
    private static final int MREMAP_MAYMOVE_FIXED = 3;
    private static final long SAME_BYTE = 0x0101010101010101L;

    private final Storage storage;
    private final Tracing tracing = new Tracing();

    /** The last one that each thread made. */
    private final Map<Actor, Ring> rings = new HashMap<>();

    Acts(Storage storage) {
        this.storage = storage;
    }

    /** Starts {@code act}; {@code target} is the process it is about. */
    void begin(Actor actor, Act act, ActorProcess target) {
        long address = act.address();
        long bytes = act.bytes();
        switch (act.kind()) {
            case LOAD -> actor.begin("load", Acts::loaded, Operation.LOAD1, address);
            case STORE ->
                    actor.begin("store", Reply.Done::of, Operation.STORE1, address, act.value());
            case STORE8 ->
                    actor.begin(
                            "store8",
                            Reply.Done::of,
                            Operation.STORE8,
                            address,
                            act.value() * SAME_BYTE);
            case CAS ->
                    actor.begin(
                            "cas",
                            Reply.Done::of,
                            Operation.SWAP1,
                            address,
                            act.other(),
                            act.value());
            case HAMMER -> {
                actor.unhalt();
                actor.begin("hammer", Reply.Done::of, Operation.HAMMER, address, bytes);
            }
            case WRITE -> write(actor, address, bytes);
            case READ -> {
                feed(actor, "pipe", bytes, act.value());
                call(actor, Reply.Done::of, Call.READ, pipe(actor, "pipe", 0), address, bytes);
            }
            case DIRECT_WRITE ->
                    call(
                            actor,
                            done ->
                                    new Reply.Done(
                                            done,
                                            done < 0
                                                    ? new byte[0]
                                                    : storage.readDirect((int) bytes)),
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
            case VMSPLICE ->
                    call(
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
            case IO_REGISTER -> {
                Ring ring = Ring.of(actor);
                rings.put(actor, ring);
                ring.register(address, bytes);
            }
            case IO_READ -> {
                Ring ring = rings.get(actor);
                if (ring == null) {
                    throw new IllegalArgumentException("no buffer was registered by this thread");
                }
                int file = storage.buffered(actor);
                storage.writeDirect(filled(bytes, act.value()));
                ring.read(file, address, bytes);
            }
            case ROBUST_FUTEX -> robust(actor, address);
            case FUTEX_WAIT ->
                    call(
                            actor,
                            Reply.Done::of,
                            Call.FUTEX,
                            address,
                            FUTEX_PRIVATE_WAIT,
                            0x7fffffff,
                            0);
            case FUTEX_WAKE_SHARED ->
                    call(actor, Reply.Done::of, Call.FUTEX, address, FUTEX_WAKE, 1);
            case FUTEX_WAKE_OP ->
                    call(
                            actor,
                            Reply.Done::of,
                            Call.FUTEX,
                            actor.area() + Actor.STRUCTURES,
                            FUTEX_WAKE_OP | 128,
                            1,
                            1,
                            address,
                            FUTEX_OP_ADD_1);
            case FUTEX_LOCK_PI ->
                    call(actor, Reply.Done::of, Call.FUTEX, address, FUTEX_LOCK_PI | 128, 0, 0);
            case MLOCK -> call(actor, Reply.Done::of, Call.MLOCK, address, bytes);
            case POPULATE_READ ->
                    call(actor, Reply.Done::of, Call.MADVISE, address, bytes, POPULATE_READ);
            case POPULATE_WRITE ->
                    call(actor, Reply.Done::of, Call.MADVISE, address, bytes, POPULATE_WRITE);
            case MADVISE ->
                    call(actor, Reply.Done::of, Call.MADVISE, address, bytes, advice(act.name()));
            case MPROTECT ->
                    call(actor, Reply.Done::of, Call.MPROTECT, address, bytes, act.value());
            case MUNMAP -> call(actor, Reply.Done::of, Call.MUNMAP, address, bytes);
            case MMAP ->
                    call(
                            actor,
                            mapped -> {
                                if (mapped > 0) {
                                    Maps.inSmallPages(actor, mapped, bytes);
                                }
                                return Reply.Done.of(mapped);
                            },
                            Call.MMAP,
                            address,
                            bytes,
                            PROT_READ_WRITE,
                            MAP_PRIVATE_ANONYMOUS_FIXED,
                            -1,
                            0);
            case MREMAP -> {
                boolean stays = act.value() == Act.IN_PLACE;
                long to =
                        stays
                                ? 0
                                : act.value() == 0
                                        ? Maps.elsewhere(actor, act.other())
                                        : act.value();
                int flags = stays ? 0 : MREMAP_MAYMOVE_FIXED;
                call(actor, Reply.Done::of, Call.MREMAP, address, bytes, act.other(), flags, to);
            }
            case EXIT -> {
                boolean first = actor.tid() == actor.process().pid(); // it takes its handler along
                call(actor, Reply.Done::of, first ? Call.EXIT_GROUP : Call.EXIT, 0);
            }
            case FORK, SPAWN, VFORK, CLONE_CLEARTID, EXEC ->
                    throw new IllegalArgumentException("needs more: " + act);
        }
    }

    private static Reply loaded(long value) {
        return new Reply.Done(value, new byte[] {(byte) value});
    }

    private static void call(
            Actor actor, LongFunction<Reply> finish, Call call, long... arguments) {
        actor.begin(call.name(), finish, CALL, Actor.withNumber(call, arguments));
    }

    /** Takes what came to the actor's bulk area. */
    private static LongFunction<Reply> taken(Actor actor, long bytes) {
        return done ->
                new Reply.Done(
                        done,
                        done < 0
                                ? new byte[0]
                                : actor.process()
                                        .memory()
                                        .read(actor.bulk(bytes), (int) Math.min(done, bytes)));
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
                        return new Reply.Done(
                                done, done < 0 ? new byte[0] : in.readNBytes((int) done));
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

    /**
     * An end of a pipe that the actor's process has, or gets: 0 to read, 1 to write. A fork's child
     * has it too.
     */
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

    /**
     * Makes the word a lock of the thread's, which the kernel finds on its list when the thread
     * ends.
     */
    private static void robust(Actor actor, long address) {
        long head = actor.area() + Actor.ROBUST;
        long entry = head + 3L * Long.BYTES;
        RemoteMemory memory = actor.process().memory();
        memory.write(head, Ioctls.bytes(entry, address - entry, 0, head));
        memory.write(address, Arrays.copyOf(Ioctls.bytes(actor.tid()), Integer.BYTES));
        call(actor, Reply.Done::of, Call.SET_ROBUST_LIST, head, 3L * Long.BYTES);
    }

    private static int advice(String name) {
        Integer number = ADVICE.get(name);
        if (number == null) {
            throw new IllegalArgumentException("advice " + name);
        }
        return number;
    }
}
