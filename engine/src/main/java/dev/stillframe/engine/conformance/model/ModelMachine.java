package dev.stillframe.engine.conformance.model;

import dev.stillframe.engine.conformance.Act;
import dev.stillframe.engine.conformance.Control;
import dev.stillframe.engine.conformance.Machine;
import dev.stillframe.engine.conformance.Memory;
import dev.stillframe.engine.conformance.Message;
import dev.stillframe.engine.conformance.Page;
import dev.stillframe.engine.conformance.Reply;
import dev.stillframe.engine.conformance.Scan;
import dev.stillframe.engine.mmu.CowPolicy;
import dev.stillframe.engine.mmu.EmulatedProcess;
import dev.stillframe.engine.mmu.Mmu;
import dev.stillframe.engine.mmu.Outcome;
import dev.stillframe.engine.mmu.PageBits;
import dev.stillframe.engine.mmu.SharedObject;
import dev.stillframe.engine.mmu.Task;
import dev.stillframe.engine.mmu.Userfault;
import io.micrometer.core.instrument.Clock;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/**
 * The emulated MMU under one rule of copy-on-write. Everything happens in the machine's thread: a
 * woken thread goes on before the call that woke it returns, and one that hammers gets some turns
 * at each call.
 */
public final class ModelMachine implements Machine {
    private final Mmu mmu;
    private final Clock clock;
    private final Map<String, EmulatedProcess> processes = new LinkedHashMap<>();
    private final Map<String, ModelThread> threads = new LinkedHashMap<>();
    private final Map<String, Birth> births = new HashMap<>();
    private final Map<String, Map<String, Userfault>> userfaultfds = new HashMap<>();
    private final Map<String, SharedObject> objects = new HashMap<>();
    private final Map<EmulatedProcess, Map<String, ModelPipe>> pipes = new HashMap<>();
    private final Map<String, Task> fillers = new HashMap<>();

    /**
     * A child on its way, and the descriptors that it will have: those of its parent when the call
     * was made.
     */
    private record Birth(Act act, List<String> descriptors) {}

    /** A machine with one process. */
    public ModelMachine(CowPolicy policy, Clock clock) {
        mmu = new Mmu(policy);
        this.clock = clock;
        newProcess(MAIN);
    }

    @Override
    public Clock clock() {
        return clock;
    }

    @Override
    public void newProcess(String name) {
        add(name, mmu.newProcess(), new LinkedHashMap<>());
    }

    private void add(String name, EmulatedProcess process, Map<String, Userfault> descriptors) {
        processes.put(name, process);
        userfaultfds.put(name, descriptors);
        threads.put(name, new ModelThread(process.task(), this, 0));
    }

    @Override
    public void newThread(String name, String process) {
        threads.put(name, new ModelThread(process(process).newTask(), this, 0));
    }

    /** The pipe that a process knows by this name, made if there is none. */
    ModelPipe pipe(EmulatedProcess process, String name) {
        return pipes.computeIfAbsent(process, _ -> new HashMap<>())
                .computeIfAbsent(
                        name,
                        _ -> {
                            ModelPipe pipe = new ModelPipe();
                            pipe.heldBy(process);
                            return pipe;
                        });
    }

    /** The process has ended, or has another program: nothing that it had open is left. */
    void forget(EmulatedProcess process) {
        Map<String, ModelPipe> own = pipes.remove(process);
        if (own != null) {
            own.values().forEach(pipe -> pipe.leftBy(process));
        }
        fillers.values().removeIf(task -> task.process() == process);
        if (process.isAlive()) {
            processes.forEach(
                    (name, each) -> {
                        if (each == process) {
                            descriptors(name).clear();
                        }
                    });
        }
    }

    /** An address where {@code act} can move its memory, and where nothing is. */
    long elsewhere(EmulatedProcess process, Act act) {
        return process.freeAddress(act.address(), act.other());
    }

    @Override
    public String processOf(String thread) {
        EmulatedProcess process = thread(thread).process();
        return processes.entrySet().stream()
                .filter(entry -> entry.getValue() == process)
                .map(Map.Entry::getKey)
                .findFirst()
                .orElseThrow();
    }

    private ModelThread thread(String name) {
        ModelThread thread = threads.get(name);
        if (thread == null) {
            throw new IllegalArgumentException("no thread " + name);
        }
        return thread;
    }

    /** A process by its name or by that of one of its threads. */
    private EmulatedProcess process(String name) {
        EmulatedProcess process = processes.get(name);
        return process != null ? process : thread(name).process();
    }

    @Override
    public long map(String process, Memory memory) {
        EmulatedProcess in = process(process);
        return switch (memory.kind()) {
            case ANON -> in.mapAnonymous(memory.bytes());
            case THP -> in.mapHuge(memory.bytes());
            case HUGETLB -> in.mapHugetlb(memory.bytes());
            case MERGEABLE -> throw new Unsupported("the model has no same-page merging");
            case MEMFD, EXT4 -> in.mapShared(object(memory), 0, memory.bytes());
            case PRIVATE_MEMFD, PRIVATE_EXT4 -> in.mapPrivate(object(memory), 0, memory.bytes());
        };
    }

    private SharedObject object(Memory memory) {
        boolean isFile =
                memory.kind() == Memory.Kind.EXT4 || memory.kind() == Memory.Kind.PRIVATE_EXT4;
        return objects.computeIfAbsent(
                memory.object(),
                _ -> {
                    SharedObject made = isFile ? mmu.newFile() : mmu.newSharedMemory();
                    made.truncate(memory.bytes());
                    return made;
                });
    }

    @Override
    public void fill(String process, long address, long bytes, byte value) {
        Task filler = fillers.computeIfAbsent(process, name -> process(name).newTask());
        byte[] data = new byte[(int) bytes];
        Arrays.fill(data, value);
        Outcome outcome = filler.transfers().read(address, data);
        if (!outcome.equals(new Outcome.Done(bytes))) {
            throw new IllegalStateException("filling %d bytes: %s".formatted(bytes, outcome));
        }
    }

    @Override
    public Reply start(String thread, Act act) {
        mmu.settle(); // and nobody hammers: what happens between two acts is part of what is tried
        ModelThread actor = thread(thread);
        if (act.kind() == Act.Kind.CLONE_CLEARTID) {
            threads.put(
                    act.name(), new ModelThread(actor.process().newTask(), this, act.address()));
            return Reply.Done.of(0);
        }
        switch (act.kind()) {
            case FORK, SPAWN, VFORK ->
                    births.put(thread, new Birth(act, List.copyOf(descriptors(thread).keySet())));
            default -> births.remove(thread);
        }
        actor.begin(act, process(act.process()));
        mmu.settle();
        return state(thread);
    }

    /** Everybody who can goes on. */
    private void run() {
        mmu.settle();
        threads.values().stream()
                .filter(thread -> thread.process().isAlive())
                .forEach(ModelThread::run);
    }

    @Override
    public Reply state(String thread) {
        run();
        Reply reply = thread(thread).reply();
        Birth birth = births.get(thread);
        if (birth == null || !(reply instanceof Reply.Done(long child, _)) || child < 0) {
            return reply;
        }
        String name = birth.act().name();
        if (!processes.containsKey(name)) {
            born(name, mmu.process(child), thread(thread).process(), birth.descriptors());
        }
        boolean waits = birth.act().kind() == Act.Kind.VFORK && process(name).isAlive();
        return waits ? new Reply.Waiting() : reply;
    }

    /** A child has its parent's descriptors, in the same order. */
    private void born(
            String name, EmulatedProcess child, EmulatedProcess parent, List<String> names) {
        Map<String, Userfault> inherited = new LinkedHashMap<>();
        List<Userfault> copies = child.userfaultfds();
        for (int i = 0; i < names.size(); i++) {
            inherited.put(names.get(i), copies.get(i));
        }
        add(name, child, inherited);
        pipes.getOrDefault(parent, Map.of())
                .forEach(
                        (pipeName, pipe) -> {
                            pipe.heldBy(child);
                            pipes.computeIfAbsent(child, _ -> new HashMap<>()).put(pipeName, pipe);
                        });
    }

    private Map<String, Userfault> descriptors(String process) {
        return userfaultfds.computeIfAbsent(processOf(process), _ -> new LinkedHashMap<>());
    }

    private Userfault descriptor(String process, String name) {
        Userfault userfault = descriptors(process).get(name);
        if (userfault == null) {
            throw new IllegalArgumentException("%s has no %s".formatted(process, name));
        }
        return userfault;
    }

    @Override
    public long open(String process, String name, boolean userModeOnly, boolean blocking) {
        descriptors(process).put(name, process(process).userfaultfd(userModeOnly, !blocking));
        return 0;
    }

    @Override
    public long control(String process, String userfaultfd, Control control) {
        run();
        long result =
                ModelIoctls.control(descriptor(process, userfaultfd), process(process), control);
        mmu.settle();
        return result;
    }

    @Override
    public List<Message> read(
            String process, String userfaultfd, int max, Supplier<String> children) {
        run();
        Userfault uffd = descriptor(process, userfaultfd);
        List<Message> messages = new ArrayList<>();
        for (var message : uffd.read(max * Userfault.MESSAGE_BYTES).messages()) {
            messages.add(
                    ModelIoctls.message(
                            message,
                            this::threadName,
                            forked -> named(forked, process, children.get())));
        }
        mmu.settle(); // reading an event lets its cause go on
        return messages;
    }

    /** A fork's descriptor is known by its name from now on. */
    private String named(Userfault forked, String process, String name) {
        descriptors(process).put(name, forked);
        return name;
    }

    private String threadName(int id) {
        return id == 0
                ? ""
                : threads.entrySet().stream()
                        .filter(entry -> entry.getValue().task().id() == id)
                        .map(Map.Entry::getKey)
                        .findFirst()
                        .orElse("thread " + id);
    }

    @Override
    public long readBytes(String process, String userfaultfd, int bytes) {
        return descriptor(process, userfaultfd).read(bytes).result();
    }

    @Override
    public String poll(String process, String userfaultfd) {
        return switch (descriptor(process, userfaultfd).poll()) {
            case ERROR -> "ERR";
            case READABLE -> "IN";
            case NOTHING -> "nothing";
        };
    }

    @Override
    public void close(String process, String userfaultfd) {
        descriptor(process, userfaultfd).close();
        descriptors(process).remove(userfaultfd);
        mmu.settle();
    }

    @Override
    public void duplicate(String process, String userfaultfd, String as) {
        descriptors(process).put(as, descriptor(process, userfaultfd).dup());
    }

    @Override
    public void take(String process, String userfaultfd, String owner) {
        descriptors(process)
                .put(userfaultfd, descriptor(owner, userfaultfd).sendTo(process(process)));
    }

    @Override
    public Scan.Answer scan(String process, String target, Scan scan) {
        run();
        return ModelIoctls.scan(process(target), scan);
    }

    @Override
    public Page page(String process, long address) {
        PageBits bits = process(process).bits(address);
        return new Page(
                bits.toString(),
                bits.present() ? bits.frame() + 1 : 0); // the model's zero page is 0
    }

    @Override
    public byte[] content(String process, long address, int bytes) {
        run();
        return process(process).peek(address, bytes);
    }

    @Override
    public void changeFile(String object, long offset, long bytes, byte value) {
        byte[] data = new byte[(int) bytes];
        Arrays.fill(data, value);
        known(object).write(offset, data);
    }

    @Override
    public void punchHole(String object, long offset, long bytes) {
        known(object).punchHole(offset, bytes);
    }

    @Override
    public void truncate(String object, long bytes) {
        known(object).truncate(bytes);
    }

    private SharedObject known(String name) {
        SharedObject object = objects.get(name);
        if (object == null) {
            throw new IllegalArgumentException("no object " + name);
        }
        return object;
    }

    @Override
    public void kill(String process) {
        EmulatedProcess victim = process(process);
        victim.exit();
        forget(victim);
        mmu.settle();
    }

    @Override
    public void stop(String process, boolean stopped) {
        throw new Unsupported("the model does not stop processes");
    }

    @Override
    public void signal(String thread) {
        thread(thread).task().signal();
        mmu.settle();
    }

    @Override
    public void halt(String thread) {
        thread(thread).halt();
    }

    @Override
    public void close() {
        processes.values().forEach(EmulatedProcess::exit);
    }
}
