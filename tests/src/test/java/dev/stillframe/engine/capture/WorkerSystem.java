package dev.stillframe.engine.capture;

import dev.stillframe.engine.linux.NativeMemory;
import dev.stillframe.engine.memory.MemoryFile;
import dev.stillframe.engine.mmu.CowPolicy;
import dev.stillframe.engine.mmu.EmulatedProcess;
import dev.stillframe.engine.mmu.Mmu;
import dev.stillframe.engine.mmu.Outcome;
import dev.stillframe.engine.mmu.Task;
import dev.stillframe.engine.mmu.Userfault;
import dev.stillframe.engine.process.Mapping;
import dev.stillframe.engine.process.Probe;
import dev.stillframe.engine.process.ProtectionView;
import dev.stillframe.engine.process.Target;
import dev.stillframe.engine.staging.Staging;
import dev.stillframe.engine.staging.StagingBlock;
import dev.stillframe.engine.tracking.WriteTracker;
import dev.stillframe.tests.emulated.EmulatedTarget;
import dev.stillframe.tests.emulated.EmulatedThreads;
import io.micrometer.core.instrument.Clock;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * From T0 on: two workers of the engine as it is, which answer faults, follow what they are told
 * and sweep, and threads of a target of the model. A step of a worker goes from one {@linkplain
 * Turns point} to the next; a step of a thread is one operation.
 */
final class WorkerSystem implements Schedules.Steps {
    static final int PAGE = Block.PAGE_BYTES;

    private static final int MIDDLE = PAGE / 2 - 4;
    private static final long AT_T0 = 0x0101_0101_0101_0101L;
    private static final int WORKERS = 2;
    private static final int TURNS_TO_END = 1_000;
    private static final SnapshotOptions OPTIONS = SnapshotOptions.defaults(WORKERS);
    private static final Staging STAGING = staging();
    private static final ValueLayout.OfLong WORD = ValueLayout.JAVA_LONG_UNALIGNED;

    private final Mmu mmu = new Mmu(CowPolicy.MODERN);
    private final EmulatedProcess process = mmu.newProcess();
    private final Target target =
            new EmulatedTarget(mmu, new EmulatedThreads(process, Duration.ofSeconds(5)));
    private final Turns turns = new Turns();
    private final Mutant mutant;
    private final WriteTracker tracker;
    private final Userfault readable;
    private final Capture capture;
    private final List<Worker> workers;
    private final Map<Long, Long> atT0 = new HashMap<>();
    private final Set<Long> mayBeLost = new HashSet<>();
    private final Map<String, Actor> actors = new LinkedHashMap<>();

    /**
     * Actors that wait for another, and nobody has done anything since: whoever waits longest tries
     * first.
     */
    private final Set<String> waiting = new LinkedHashSet<>();

    private boolean over;
    private @Nullable String failure;

    /** A part of the engine that is replaced, so that it does something wrong. */
    interface Mutant {
        /** The engine as it is. */
        Mutant NONE = new Mutant() {};

        /** How private memory is copied. */
        default PageReader reader(PageReader reader, WriteTracker tracker) {
            return reader;
        }

        /** How shared memory is copied. */
        default MemoryFile file(MemoryFile file, WorkerSystem system) {
            return file;
        }

        /** What is seen of the protection. */
        default ProtectionView view(ProtectionView view) {
            return view;
        }

        /** Whom a worker waits for. */
        default List<Worker> known(List<Worker> workers) {
            return workers;
        }
    }

    /** What is in the target's memory at T0, and what its threads do then. */
    @FunctionalInterface
    interface Scenario {
        void setUp(WorkerSystem system);
    }

    /** Starts an operation of a thread; {@code before} is what the one before gave. */
    @FunctionalInterface
    interface Operation {
        Outcome start(Task task, long before);
    }

    private interface Actor {
        boolean isAble();

        String step();
    }

    WorkerSystem(Mutant mutant, Scenario scenario) {
        this.mutant = mutant;
        try {
            WriteTracker plain = target.attach(Probe.NONE, STAGING.clock()).tracker();
            readable =
                    mmu.process(process.id() + 1)
                            .userfaultfds()
                            .getFirst(); // the target's reader has it
            tracker = turns.tracker(plain, readable);
            PageReader reader = turns.reader(mutant.reader(target::read, plain));
            capture =
                    new Capture(
                            tracker,
                            reader,
                            () -> turns.view(mutant.view(target.protection())),
                            STAGING,
                            OPTIONS,
                            Probe.NONE);
            workers =
                    List.of(
                            new Worker(capture, capture.views.open()),
                            new Worker(capture, capture.views.open()));
            capture.workers = workers;
            scenario.setUp(this);
            arm();
            capture.workers = mutant.known(workers);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Staging staging() {
        try {
            NativeMemory memory =
                    NativeMemory.map(
                            Staging.memoryBytes(SnapshotOptions.MIN_STAGING_BYTES, WORKERS));
            return new Staging(memory.segment(), WORKERS, memory::close, Clock.SYSTEM);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    EmulatedProcess process() {
        return process;
    }

    Mmu mmu() {
        return mmu;
    }

    /** Gives pages from {@code start} on their content of T0. */
    long fill(long start, int pages) {
        for (int page = 0; page < pages; page++) {
            process.task().store(start + (long) page * PAGE + MIDDLE, AT_T0, 8);
        }
        return start;
    }

    /** These pages may be listed as missing: the target discards, unmaps or moves them. */
    void mayBeLost(long start, int pages) {
        for (int page = 0; page < pages; page++) {
            mayBeLost.add(start + (long) page * PAGE);
        }
    }

    /** A thread that does one operation after the other. */
    void thread(String name, Operation... operations) {
        actors.put(name, new TargetThread(process.newTask(), List.of(operations)));
    }

    /** A store across the middle of a page, so that a copy of two halves can be torn. */
    static Operation store(long page) {
        return (task, before) -> task.store(page + MIDDLE, -1L, 8);
    }

    /** The same to the page that the operation before has put somewhere. */
    static Operation storeThere() {
        return (task, before) -> task.store(before + MIDDLE, -1L, 8);
    }

    /** Takes the protection away wherever a part of a file is mapped, as no engine should. */
    void unprotectEverywhere(long offset, long bytes) {
        process.mappings().stream()
                .filter(m -> m.object() != null)
                .forEach(m -> readable.unprotect(m.start() + offset - m.objectOffset(), bytes));
    }

    private void arm() throws IOException {
        Target seen = targetWithFiles();
        tracker.enable();
        Registration registration = new Registration(seen, capture);
        for (Mapping mapping : target.mappings()) {
            registration.add(mapping, Treatment.of(mapping, Set.of()), Claim.ARMING);
        }
        registration.publish();
        Arming arming = new Arming(capture, registration);
        finish(arming.first());
        Freeze.Discovered known =
                new Freeze.Discovered(Map.of(), List.of(), new OthersMemory(seen, false));
        finish(new Freeze(capture, seen, registration, arming, known));
        remember();
        Sweep sweep = new Sweep(capture, capture.table.blocks());
        for (int i = 0; i < WORKERS; i++) {
            String name = "worker" + i;
            actors.put(name, new WorkerThread(name, workers.get(i), sweep.share()));
        }
    }

    private void finish(Work work) throws IOException {
        boolean more = true;
        while (more) {
            more = work.step(workers.getFirst());
        }
    }

    private void remember() {
        for (Block block : capture.table.blocks()) {
            for (Piece piece : block.pieces()) {
                for (int page = piece.firstPage(); page < piece.endPage(); page++) {
                    byte[] bytes = process.peek(block.address(page) + MIDDLE, 8);
                    atT0.put(block.address(page), MemorySegment.ofArray(bytes).get(WORD, 0));
                }
            }
        }
    }

    /** Whose files take turns. */
    private Target targetWithFiles() {
        return (Target)
                Proxy.newProxyInstance(
                        Target.class.getClassLoader(),
                        new Class<?>[] {Target.class},
                        (proxy, method, arguments) -> {
                            try {
                                Object answer = method.invoke(target, arguments);
                                return answer instanceof MemoryFile file
                                        ? turns.file(mutant.file(file, this))
                                        : answer;
                            } catch (InvocationTargetException e) {
                                throw e.getCause();
                            }
                        });
    }

    private static final class TargetThread implements Actor {
        private final Task task;
        private final List<Operation> operations;
        private int next;
        private long before;

        TargetThread(Task task, List<Operation> operations) {
            this.task = task;
            this.operations = operations;
        }

        @Override
        public boolean isAble() {
            return task.isParked() ? task.isWoken() : next < operations.size();
        }

        @Override
        public String step() {
            Outcome outcome =
                    task.isParked() ? task.proceed() : operations.get(next).start(task, before);
            if (outcome instanceof Outcome.Parked(long address, boolean _)) {
                return "waits in operation %d for %x".formatted(next, address);
            }
            if (outcome instanceof Outcome.Done(long value) && value >= 0) {
                before = value;
                return "has done operation " + next++;
            }
            throw new IllegalStateException("operation %d: %s".formatted(next, outcome));
        }
    }

    private final class WorkerThread implements Actor {
        private final Worker worker;
        private final Work share;
        private final Coroutine coroutine;
        private boolean sweeps = true;
        private boolean idle;

        WorkerThread(String name, Worker worker, Work share) {
            this.worker = worker;
            this.share = share;
            coroutine = new Coroutine(name, this::run);
        }

        private void run() {
            try {
                while (!over) {
                    if (!worker.serve()) {
                        sweeps = sweeps && share.step(worker);
                        if (!sweeps) {
                            idle = true;
                            turns.waitAt("has nothing to do");
                            idle = false;
                        }
                    }
                }
            } catch (IOException | RuntimeException | Error e) {
                failure = e.toString();
            }
        }

        @Override
        public boolean isAble() {
            boolean isTold = readable.poll() == Userfault.Poll.READABLE || !capture.moves.isEmpty();
            return !coroutine.hasEnded() && (!idle || isTold);
        }

        @Override
        public String step() {
            turns.give(coroutine);
            return turns.point();
        }

        void end() {
            for (int turn = 0; turn < TURNS_TO_END && !coroutine.hasEnded(); turn++) {
                turns.give(coroutine);
            }
            if (!coroutine.hasEnded()) {
                throw new AssertionError("a worker does not end: " + turns.point());
            }
        }
    }

    @Override
    public List<String> able() {
        List<String> able = new ArrayList<>();
        actors.forEach(
                (name, actor) -> {
                    if (failure == null && actor.isAble()) {
                        able.add(name);
                    }
                });
        List<String> busy = new ArrayList<>(able);
        busy.removeAll(waiting);
        waiting.retainAll(able);
        return busy.isEmpty() ? waiting.stream().limit(1).toList() : busy;
    }

    @Override
    public String step(String name) {
        Actor actor = Objects.requireNonNull(actors.get(name));
        String told = actor.step();
        if (actor instanceof WorkerThread && turns.waits()) {
            waiting.remove(name);
            waiting.add(name);
        } else {
            waiting.clear();
        }
        return told;
    }

    @Override
    public @Nullable String fault() {
        if (failure != null) {
            return failure;
        }
        if (!mmu.parked().isEmpty()) {
            return "somebody is still parked";
        }
        workers.forEach(worker -> worker.copier().flush());
        Map<Long, Long> image = takeStaged();
        for (Block block : capture.table.blocks()) {
            for (Piece piece : block.pieces()) {
                for (int page = piece.firstPage(); page < piece.endPage(); page++) {
                    String fault = fault(block.address(page), block.claim(page), image);
                    if (fault != null) {
                        return fault;
                    }
                }
            }
        }
        return null;
    }

    private @Nullable String fault(long page, byte claim, Map<Long, Long> image) {
        Long staged = image.get(page);
        boolean right =
                switch (claim) {
                    case Claim.DONE -> Objects.equals(staged, atT0.get(page));
                    case Claim.ZERO -> staged == null && Objects.equals(atT0.get(page), 0L);
                    case Claim.LOST -> staged == null && mayBeLost.contains(page);
                    default -> false;
                };
        return right
                ? null
                : "page %x with claim %d is not that of T0: %s"
                        .formatted(
                                page,
                                claim,
                                staged == null ? "not staged" : Long.toHexString(staged));
    }

    /** What was staged, by address: the words across the middles. */
    private static Map<Long, Long> takeStaged() {
        Map<Long, Long> image = new HashMap<>();
        for (StagingBlock block = next(); block != null; block = next()) {
            for (int run = 0; run < block.runs(); run++) {
                for (int page = 0; page < block.pages(run); page++) {
                    long offset = (long) page * PAGE;
                    long word = block.memory().get(WORD, block.offset(run) + offset + MIDDLE);
                    if (image.put(block.address(run) + offset, word) != null) {
                        throw new AssertionError(
                                "staged twice: %x".formatted(block.address(run) + offset));
                    }
                }
            }
            STAGING.recycle(block);
        }
        return image;
    }

    private static @Nullable StagingBlock next() {
        try {
            return STAGING.take(0);
        } catch (InterruptedException e) {
            throw new IllegalStateException("nobody interrupts this", e);
        }
    }

    /** Ends the workers wherever they are. */
    @Override
    public void close() {
        over = true;
        capture.stop();
        for (Actor actor : actors.values()) {
            if (actor instanceof WorkerThread thread) {
                thread.end();
            }
        }
        workers.forEach(Worker::run); // which gives its memory back
        takeStaged();
    }
}
