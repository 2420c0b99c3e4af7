package dev.stillframe.engine.conformance.kernel;

import dev.stillframe.engine.conformance.Act;
import dev.stillframe.engine.conformance.Machine.Hang;
import dev.stillframe.engine.conformance.Reply;
import dev.stillframe.engine.conformance.kernel.ActorProcess.Pipes;
import dev.stillframe.engine.conformance.kernel.Channel.Operation;
import dev.stillframe.engine.linux.ErrnoException;
import dev.stillframe.engine.linux.ExecutableMemory;
import io.micrometer.core.instrument.Clock;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.function.Consumer;

/**
 * How actors come to be: processes from nothing, threads, and children of clone(2). Owned by the
 * machine's thread.
 */
final class Births implements AutoCloseable {
    private static final int SIGCHLD = 17;
    private static final int CLONE_VM = 0x100;
    private static final int CLONE_VFORK = 0x4000;
    private static final int CLONE_THREAD_SET = 0x50f00; // VM, FS, FILES, SIGHAND, THREAD, SYSVSEM
    private static final int CLONE_CHILD_CLEARTID = 0x200000;
    private static final int CLONE_CHILD_SETTID = 0x1000000;
    private static final long CHILD_ID = 88;
    private static final String COMMANDS = "commands";
    private static final String ANSWERS = "answers";

    private final Clock clock;
    private final ActorProgram program = ActorProgram.load();
    private final ExecutableMemory executable;
    private int areas;

    Births(Clock clock) throws ErrnoException {
        this.clock = clock;
        executable = ExecutableMemory.of("stillframe-actor", program.elf());
    }

    /** A process that has nothing in common with another but the program. */
    record Root(Process handle, Actor actor) {}

    Root root(String name) throws IOException {
        Process handle =
                new ProcessBuilder(executable.path())
                        .redirectError(ProcessBuilder.Redirect.DISCARD)
                        .start();
        ActorProcess process = new ActorProcess(name, (int) handle.pid());
        Channel channel = new Channel(handle.getOutputStream(), handle.getInputStream());
        Actor actor = new Actor(name, process, process.pid(), ActorProgram.AREAS, channel, clock);
        areas = Math.max(areas, 1);
        ActorProcess.handleSignals(actor, program);
        return new Root(handle, actor);
    }

    /** One more thread of a process, made by its first. */
    Actor thread(String name, Actor maker) {
        return thread(name, maker, CLONE_THREAD_SET, 0);
    }

    /** A thread whose word at {@code clearTid} is cleared when it ends. */
    Actor thread(String name, Actor maker, long clearTid) {
        return thread(name, maker, CLONE_THREAD_SET | CLONE_CHILD_CLEARTID, clearTid);
    }

    private Actor thread(String name, Actor maker, int flags, long word) {
        Pipes pipes = pipes(maker);
        long area = nextArea();
        maker.begin(
                "clone",
                Reply.Done::of,
                Operation.CLONE,
                flags,
                area,
                pipes.commandsEnd(),
                pipes.answersEnd(),
                word);
        if (maker.settle() instanceof Reply.Done(long tid, _) && tid > 0) {
            return new Actor(name, maker.process(), (int) tid, area, pipes.channel(), clock);
        }
        throw new Hang("clone of a thread");
    }

    /**
     * Lets {@code parent} make a child, which {@code born} gets as soon as it is there: at once, or
     * after the parent was parked.
     */
    void child(Actor parent, Act act, Consumer<Actor> born) {
        Pipes pipes = pipes(parent);
        long area = nextArea();
        int flags =
                switch (act.kind()) {
                    case FORK -> SIGCHLD;
                    case SPAWN -> SIGCHLD | CLONE_VM;
                    case VFORK -> SIGCHLD | CLONE_VM | CLONE_VFORK | CLONE_CHILD_SETTID;
                    default -> throw new IllegalArgumentException("makes no process: " + act);
                };
        boolean vfork = act.kind() == Act.Kind.VFORK;
        parent.process().memory().write(area + CHILD_ID, new byte[4]);
        parent.begin(
                vfork ? Actor.VFORK : "clone",
                pid -> {
                    if (pid > 0 && !vfork) {
                        born.accept(born(parent, act.name(), (int) pid, area, pipes));
                    }
                    return Reply.Done.of(pid);
                },
                Operation.CLONE,
                flags,
                area,
                pipes.commandsEnd(),
                pipes.answersEnd(),
                vfork ? area + CHILD_ID : 0);
        if (vfork) {
            parent.awaitOr(() -> childId(parent, area) != 0);
            born.accept(born(parent, act.name(), childId(parent, area), area, pipes));
        }
    }

    /**
     * execve(2) of the program by the first thread of a process, which answers when the new program
     * runs.
     */
    void execute(Actor actor) {
        ActorProcess process = actor.process();
        if (actor.tid() != process.pid()) {
            throw new IllegalArgumentException(
                    "only the first thread of a process executes a program");
        }
        actor.call(
                Call.DUP2,
                process.descriptors().getOrDefault(COMMANDS, 0),
                0); // where the program looks for them
        actor.call(Call.DUP2, process.descriptors().getOrDefault(ANSWERS, 1), 1);
        byte[] path = (executable.path() + "\0").getBytes(StandardCharsets.US_ASCII);
        ByteBuffer structure =
                ByteBuffer.allocate(2 * Long.BYTES + path.length).order(ByteOrder.LITTLE_ENDIAN);
        structure.putLong(actor.area() + Actor.STRUCTURES + 2 * Long.BYTES).putLong(0).put(path);
        long arguments = actor.structure(structure.array());
        actor.execute(
                arguments + 2 * Long.BYTES,
                arguments,
                () -> ActorProcess.handleSignals(actor, program));
    }

    private static int childId(Actor parent, long area) {
        byte[] id = parent.process().memory().read(area + CHILD_ID, Integer.BYTES);
        return ByteBuffer.wrap(id).order(ByteOrder.LITTLE_ENDIAN).getInt();
    }

    private Actor born(Actor parent, String name, int pid, long area, Pipes pipes) {
        ActorProcess process = new ActorProcess(name, pid);
        process.descriptors().putAll(parent.process().descriptors());
        process.descriptors().put(COMMANDS, pipes.commandsEnd());
        process.descriptors().put(ANSWERS, pipes.answersEnd());
        return new Actor(name, process, pid, area, pipes.channel(), clock);
    }

    private static Pipes pipes(Actor maker) {
        try {
            return ActorProcess.pipes(maker);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private long nextArea() {
        if (areas == ActorProgram.AREAS_MAX) {
            throw new IllegalStateException("more than " + areas + " threads");
        }
        return ActorProgram.AREAS + (long) areas++ * ActorProgram.AREA_BYTES;
    }

    @Override
    public void close() {
        executable.close();
    }
}
