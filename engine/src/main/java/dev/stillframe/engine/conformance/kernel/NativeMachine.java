package dev.stillframe.engine.conformance.kernel;

import dev.stillframe.engine.conformance.Act;
import dev.stillframe.engine.conformance.Control;
import dev.stillframe.engine.conformance.Machine;
import dev.stillframe.engine.conformance.Memory;
import dev.stillframe.engine.conformance.Message;
import dev.stillframe.engine.conformance.Page;
import dev.stillframe.engine.conformance.Reply;
import dev.stillframe.engine.conformance.Scan;
import dev.stillframe.engine.linux.ErrnoException;
import dev.stillframe.engine.linux.PageLists;
import dev.stillframe.engine.time.Deadline;
import io.micrometer.core.instrument.Clock;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;

/**
 * The kernel of this machine. Nothing of this JVM is ever protected: what a scenario says is done
 * by actors, and the calls on userfaultfds are made by an actor too, the first thread of a process
 * that holds the descriptor.
 */
public final class NativeMachine implements Machine {
    private static final int O_CLOEXEC = 0x80000;
    private static final int O_NONBLOCK = 0x800;
    private static final int SIGUSR1 = 10;
    private static final int SIGCONT = 18;
    private static final int SIGSTOP = 19;
    private static final int POLLIN = 1;
    private static final int POLLERR = 8;
    private static final Duration PATIENCE = Duration.ofSeconds(5);
    private static final String BYSTANDER = "bystander";

    private final Clock clock;
    private final Births births;
    private final Storage storage;
    private final Acts acts;
    private final Maps maps;
    private final Map<String, Actor> actors = new LinkedHashMap<>();

    private final Set<Actor> signalled = new HashSet<>();

    /** By process: a thread that no scenario names, so that whoever does is free to park. */
    private final Map<String, Actor> handlers = new HashMap<>();

    private final Map<String, Process> roots = new LinkedHashMap<>();

    /**
     * Starts the first process.
     *
     * @throws IOException if it cannot be executed
     */
    public NativeMachine(Clock clock) throws IOException {
        this.clock = clock;
        births = new Births(clock);
        try {
            newProcess(MAIN);
            storage = new Storage(this::bystander);
        } catch (IOException | RuntimeException e) {
            roots.values().forEach(Process::destroyForcibly);
            births.close();
            throw e;
        }
        acts = new Acts(storage);
        maps = new Maps(storage);
    }

    @Override
    public boolean mapsZeroPage() {
        return ZeroPageProbe.IS_MAPPED;
    }

    @Override
    public Clock clock() {
        return clock;
    }

    @Override
    public void newProcess(String name) {
        try {
            Births.Root root = births.root(name);
            roots.put(name, root.handle());
            actors.put(name, root.actor());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void newThread(String name, String process) {
        actors.put(name, births.thread(name, actor(process)));
    }

    @Override
    public String processOf(String thread) {
        return actor(thread).process().name();
    }

    private Actor actor(String name) {
        Actor actor = actors.get(name);
        if (actor == null) {
            throw new IllegalArgumentException("no thread " + name);
        }
        return actor;
    }

    private ActorProcess process(String name) {
        return actor(name).process();
    }

    @Override
    public long map(String process, Memory memory) {
        return maps.map(actor(process), memory);
    }

    @Override
    public void fill(String process, long address, long bytes, byte value) {
        byte[] data = new byte[(int) bytes];
        Arrays.fill(data, value);
        process(process).memory().write(address, data);
    }

    @Override
    public Reply start(String thread, Act act) {
        drainPageLists();
        Actor actor = actor(thread);
        switch (act.kind()) {
            case FORK, SPAWN, VFORK ->
                    births.child(actor, act, child -> actors.put(act.name(), child));
            case EXEC -> {
                births.execute(actor);
                handlers.remove(actor.process().name());
            }
            case CLONE_CLEARTID -> {
                actors.put(act.name(), births.thread(act.name(), actor, act.address()));
                return Reply.Done.of(0);
            }
            case MADVISE -> {
                maps.checkAdvice(act.name());
                acts.begin(actor, act, process(act.process()));
            }
            default -> acts.begin(actor, act, process(act.process()));
        }
        return actor.settle();
    }

    @Override
    public Reply state(String thread) {
        return actor(thread).settle();
    }

    /**
     * The thread that does what holders of a userfaultfd do; made while the process' own is free.
     */
    private Actor handler(String process) {
        Actor own = actor(process);
        if (own.isBusy()) {
            return handlers.getOrDefault(process, own);
        }
        return handlers.computeIfAbsent(process, name -> births.thread(name + " (handler)", own));
    }

    @Override
    public long open(String process, String name, boolean userModeOnly, boolean blocking) {
        long flags = O_CLOEXEC | (blocking ? 0 : O_NONBLOCK) | (userModeOnly ? 1 : 0);
        long fd = handler(process).call(Call.USERFAULTFD, flags);
        if (fd >= 0) {
            process(process).descriptors().put(name, (int) fd);
        }
        return Math.min(fd, 0);
    }

    private int descriptor(String process, String name) {
        Integer number = process(process).descriptors().get(name);
        if (number == null) {
            throw new IllegalArgumentException("%s has no %s".formatted(process, name));
        }
        return number;
    }

    @Override
    public long control(String process, String userfaultfd, Control control) {
        drainPageLists();
        return Ioctls.control(handler(process), descriptor(process, userfaultfd), control);
    }

    @Override
    public List<Message> read(
            String process, String userfaultfd, int max, Supplier<String> children) {
        letAllGoOn(); // what the last call woke may be on its way to a message of its own
        Actor actor = handler(process);
        int fd = descriptor(process, userfaultfd);
        long room =
                (long) Math.min(max, Actor.BULK_BYTES / Ioctls.MESSAGE_BYTES)
                        * Ioctls.MESSAGE_BYTES;
        long at = actor.bulk(room);
        // A blocking descriptor would wait for ever, and cannot be polled.
        long bytes = actor.call(Call.READ, fd, at, room);
        List<Message> messages = new ArrayList<>();
        if (bytes > 0) {
            ByteBuffer read =
                    ByteBuffer.wrap(actor.process().memory().read(at, (int) bytes))
                            .order(ByteOrder.LITTLE_ENDIAN);
            for (int i = 0; i < bytes; i += Ioctls.MESSAGE_BYTES) {
                ByteBuffer slice =
                        read.slice(i, Ioctls.MESSAGE_BYTES).order(ByteOrder.LITTLE_ENDIAN);
                messages.add(named(Ioctls.message(slice, this::threadName), process, children));
            }
        }
        return messages;
    }

    /** All but those that had a signal: they may fault again and again. */
    private void letAllGoOn() {
        List.copyOf(actors.values()).stream()
                .filter(actor -> actor.isBusy() && !signalled.contains(actor))
                .forEach(Actor::settle);
    }

    /** A fork's descriptor is known by its name from now on. */
    private Message named(Message message, String process, Supplier<String> children) {
        if (message.kind() != Message.Kind.FORK) {
            return message;
        }
        String name = children.get();
        process(process).descriptors().put(name, (int) message.start());
        return new Message(Message.Kind.FORK, 0, 0, 0, name);
    }

    private String threadName(int tid) {
        return tid == 0
                ? ""
                : actors.entrySet().stream()
                        .filter(entry -> entry.getValue().tid() == tid)
                        .map(Map.Entry::getKey)
                        .findFirst()
                        .orElse("thread " + tid);
    }

    @Override
    public long readBytes(String process, String userfaultfd, int bytes) {
        Actor actor = handler(process);
        return actor.call(Call.READ, descriptor(process, userfaultfd), actor.bulk(bytes), bytes);
    }

    @Override
    public String poll(String process, String userfaultfd) {
        Actor actor = handler(process);
        ByteBuffer entry = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
        entry.putInt(descriptor(process, userfaultfd)).putShort((short) POLLIN);
        long at = actor.structure(entry.array());
        actor.call(Call.POLL, at, 1, 0);
        int events = actor.process().memory().read(at + 6, 1)[0];
        return (events & POLLERR) != 0 ? "ERR" : (events & POLLIN) != 0 ? "IN" : "nothing";
    }

    @Override
    public void close(String process, String userfaultfd) {
        handler(process).call(Call.CLOSE, descriptor(process, userfaultfd));
        process(process).descriptors().remove(userfaultfd);
    }

    @Override
    public void duplicate(String process, String userfaultfd, String as) {
        long fd = handler(process).call(Call.DUP, descriptor(process, userfaultfd));
        process(process).descriptors().put(as, (int) fd);
    }

    @Override
    public void take(String process, String userfaultfd, String owner) {
        Actor taker = handler(process);
        long pidfd = taker.call(Call.PIDFD_OPEN, process(owner).pid(), 0);
        long fd = taker.call(Call.PIDFD_GETFD, pidfd, descriptor(owner, userfaultfd), 0);
        if (fd < 0) {
            throw new Unsupported("needs the right to trace: pidfd_getfd answers errno " + -fd);
        }
        taker.call(Call.CLOSE, pidfd);
        process(process).descriptors().put(userfaultfd, (int) fd);
    }

    @Override
    public Scan.Answer scan(String process, String target, Scan scan) {
        Actor actor = handler(process);
        return Ioctls.scan(
                actor,
                storage.pagemap(actor, process(target).pid(), process(target).generation()),
                scan);
    }

    @Override
    public Page page(String process, long address) {
        return Maps.page(process(process), address);
    }

    @Override
    public byte[] content(String process, long address, int bytes) {
        return Contents.of(process(process), address, bytes);
    }

    @Override
    public void changeFile(String object, long offset, long bytes, byte value) {
        byte[] data = new byte[(int) bytes];
        Arrays.fill(data, value);
        storage.write(object, offset, data);
    }

    @Override
    public void punchHole(String object, long offset, long bytes) {
        storage.punchHole(object, offset, bytes);
    }

    @Override
    public void truncate(String object, long bytes) {
        storage.truncate(object, bytes);
    }

    @Override
    public void kill(String process) {
        letAllGoOn(); // so that a child that is there by now is known
        ActorProcess victim = process(process);
        victim.kill();
        await(victim::hasEnded, process + " did not die of SIGKILL");
    }

    @Override
    public void stop(String process, boolean stopped) {
        Actor main = actor(process);
        bystander().call(Call.KILL, main.process().pid(), stopped ? SIGSTOP : SIGCONT);
        await(
                () -> main.state().isStopped() == stopped,
                process + (stopped ? " did not stop" : " did not go on"));
    }

    @Override
    public void signal(String thread) {
        Actor actor = actor(thread);
        signalled.add(actor);
        bystander().call(Call.TGKILL, actor.process().pid(), actor.tid(), SIGUSR1);
    }

    /** Somebody to send signals, whom nothing in the scenario stops. */
    private Actor bystander() {
        if (!actors.containsKey(BYSTANDER)) {
            newProcess(BYSTANDER);
        }
        return actor(BYSTANDER);
    }

    @Override
    public void halt(String thread) {
        actor(thread).halt();
    }

    /**
     * A store copies a page that has more users than processes map it, and a processor's list is a
     * user: chance would decide whether a page keeps its frame (wp_can_reuse_anon_folio,
     * mm/memory.c).
     */
    private static void drainPageLists() {
        try {
            PageLists.drain();
        } catch (ErrnoException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void await(BooleanSupplier condition, String otherwise) {
        Deadline deadline = Deadline.in(clock, PATIENCE);
        while (!condition.getAsBoolean()) {
            if (deadline.hasPassed()) {
                throw new Hang(otherwise);
            }
            LockSupport.parkNanos(100_000);
        }
    }

    @Override
    public void close() {
        List<ActorProcess> processes =
                actors.values().stream().map(Actor::process).distinct().toList();
        processes.forEach(ActorProcess::kill);
        try {
            processes.forEach(
                    process ->
                            await(process::hasEnded, process.name() + " did not die of SIGKILL"));
            roots.values()
                    .forEach(root -> await(() -> !root.isAlive(), "a process was not reaped"));
        } finally {
            actors.values().forEach(Actor::close);
            handlers.values().forEach(Actor::close);
            processes.forEach(ActorProcess::close);
            storage.close();
            births.close();
        }
    }
}
