package dev.stillframe.engine.process;

import dev.stillframe.engine.instant.ThreadState;
import dev.stillframe.engine.linux.Architecture;
import dev.stillframe.engine.linux.PagemapScan;
import dev.stillframe.engine.linux.Ptrace;
import dev.stillframe.engine.linux.Scheduling;
import dev.stillframe.engine.linux.Userfaultfd;
import dev.stillframe.engine.thread.Role;
import dev.stillframe.engine.time.Deadline;
import dev.stillframe.engine.tracking.KernelMarks;
import dev.stillframe.engine.tracking.KernelTracker;
import dev.stillframe.engine.tracking.WriteMarks;
import dev.stillframe.engine.tracking.WriteTracker;
import io.micrometer.core.instrument.Clock;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The one thread that traces a target: ptrace(2) ties tracees to the thread that seized them. Its
 * methods may be called from any thread and run on that one. When it ends, for whatever reason, the
 * kernel lets every tracee run on, and delivers what was on its way to it. So a command that fails
 * ends the thread: there is nothing else to undo.
 */
public final class Tracer implements Attachment {
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    /** Who stops a target has to let it go on; if he does not within this time, the thread ends. */
    private static final Duration STANDING_LIMIT = Duration.ofSeconds(30);

    /** A thread that is asked something while the others run. */
    private static final Duration ONE_STOP_LIMIT = Duration.ofSeconds(2);

    private static final int STOPS = 5;
    private static final Duration FIRST_GAP = Duration.ofMillis(50);

    /**
     * A child of vfork(2) has the target's memory, but not for longer than it takes to execute a
     * program.
     */
    private static final Duration VFORK_GRACE = Duration.ofMillis(20);

    private static final long IDLE_NANOS = 50_000;

    private final TargetProcess target;
    private final Probe probe;
    private final Clock clock;
    private final Thread thread;
    private final LinkedBlockingQueue<FutureTask<?>> commands = new LinkedBlockingQueue<>(16);
    private volatile int threadId;
    private volatile boolean closing;
    private volatile boolean ended;
    private volatile @Nullable Throwable failure;
    private volatile Consumer<Throwable> lost = cause -> {};

    // Owned by the tracer's thread.
    private final Tracees tracees;
    private @Nullable Deadline standing;
    private @Nullable InjectionGround ground;

    /** Starts the thread. {@code clock} tells it for how long a target has stood. */
    public Tracer(TargetProcess target, Probe probe, Clock clock) {
        this.target = target;
        this.probe = probe;
        this.clock = clock;
        this.tracees = new Tracees(target, probe, clock);
        this.thread = Role.TRACER.start(this::loop);
    }

    /** Makes the target create a userfaultfd; see {@link UserfaultfdInjection}. */
    @Override
    public WriteTracker tracker() throws IOException {
        return new KernelTracker(taken(UserfaultfdInjection.Call.TAKE));
    }

    private Userfaultfd taken(UserfaultfdInjection.Call call) throws IOException {
        return run(() -> target.inject(call, probe, clock)).userfaultfd();
    }

    @Override
    public WriteMarks marks() throws IOException {
        PagemapScan pagemap = PagemapScan.of(target.pid());
        boolean done = false;
        try {
            WriteMarks marks =
                    new KernelMarks(taken(UserfaultfdInjection.Call.TAKE_USER_MODE_ONLY), pagemap);
            done = true;
            return marks;
        } finally {
            if (!done) {
                pagemap.close();
            }
        }
    }

    /**
     * A userfaultfd that the target has, too: it stands at what is missing, rather than run on
     * without, if we are killed.
     *
     * @param userfaultfd not yet enabled; whoever asked closes it
     * @param number the target's own descriptor, to be {@linkplain #closeShared closed} in the end
     */
    public record Shared(Userfaultfd userfaultfd, int number) {}

    /** Makes the target create a userfaultfd and keep it. */
    public Shared share() throws IOException {
        UserfaultfdInjection.Answer answer =
                run(() -> target.inject(UserfaultfdInjection.Call.SHARE, probe, clock));
        return new Shared(answer.userfaultfd(), (int) answer.result());
    }

    /** Makes the target close what it kept. */
    public void closeShared(Shared shared) throws IOException {
        run(() -> target.inject(UserfaultfdInjection.Call.close(shared.number()), probe, clock));
    }

    /**
     * Seizes every thread, present and future, also those of other processes with the same memory.
     * Signals and clones of the target pass through this thread from now on. A thread whose {@link
     * ExitWord} nothing else tells is stopped for a moment to say it; no other is stopped.
     */
    @Override
    public void watch(ExitListener listener, Consumer<Throwable> lost) throws IOException {
        this.lost = lost;
        run(
                () -> {
                    tracees.listen(listener);
                    seizeAll();
                    if (listener.equals(ExitListener.NONE)) {
                        return true;
                    }
                    for (Tracee tracee : List.copyOf(tracees.all())) {
                        learnExitWord(tracee);
                        tracees.tellExitWord(tracee);
                    }
                    return true;
                });
    }

    /**
     * Other processes that have the target's memory, and stand with it in a freeze; known from
     * {@link #watch} on.
     */
    public Set<Integer> sharers() throws IOException {
        return run(tracees::sharers);
    }

    @Override
    public Standing freeze(Duration budget) throws IOException {
        Duration all = budget.multipliedBy(STOPS).plus(FIRST_GAP.multipliedBy(1L << STOPS));
        return run(() -> stop(budget), all.plus(PATIENCE));
    }

    /** Of the target's own threads. */
    @Override
    public List<ThreadState> states() throws IOException {
        return run(
                () -> {
                    List<ThreadState> states = new ArrayList<>();
                    for (Tracee tracee : tracees.all()) {
                        if (tracee.process == target.pid() && tracee.registers != null) {
                            ThreadState state = state(tracee.tid, tracee.registers);
                            states.add(tracee.tid == target.pid() ? 0 : states.size(), state);
                        }
                    }
                    return states;
                });
    }

    /** They are untraced then. */
    @Override
    public void thaw() throws IOException {
        run(
                () -> {
                    standing = null;
                    tracees.detachAll();
                    return true;
                });
    }

    @Override
    public void confirm() throws IOException {
        target.confirm();
    }

    /** Ends the thread, which releases whatever is still traced. Waits for that. */
    @Override
    public void close() {
        closing = true;
        LockSupport.unpark(thread);
        boolean interrupted = false;
        Deadline deadline = Deadline.in(clock, PATIENCE);
        while (thread.isAlive() && !deadline.hasPassed()) {
            try {
                thread.join(PATIENCE);
            } catch (InterruptedException e) {
                interrupted = true; // the target must be released first
            }
        }
        // The kernel's thread ends a little later than the JVM's, and only then it lets go of its
        // tracees.
        while (isKnownToTheKernel() && !deadline.hasPassed()) {
            LockSupport.parkNanos(IDLE_NANOS);
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        if (isKnownToTheKernel()) {
            throw new IllegalStateException(
                    "the thread that traces process %d does not end within %d s"
                            .formatted(target.pid(), PATIENCE.toSeconds()));
        }
    }

    private boolean isKnownToTheKernel() {
        return thread.isAlive() || Scheduling.isOurs(threadId);
    }

    private <T> T run(Callable<T> command) throws IOException {
        return run(command, PATIENCE);
    }

    private <T> T run(Callable<T> command, Duration patience) throws IOException {
        FutureTask<T> task = new FutureTask<>(command);
        commands.add(task);
        if (ended) {
            task.cancel(false);
        }
        LockSupport.unpark(thread);
        try {
            return task.get(patience.toNanos(), TimeUnit.NANOSECONDS);
        } catch (ExecutionException e) {
            if (e.getCause() instanceof IOException cause) {
                throw cause;
            }
            throw new IllegalStateException("tracer of process " + target.pid(), e.getCause());
        } catch (CancellationException e) {
            throw new TargetException(
                    "process " + target.pid() + " is not traced any more",
                    failure == null ? e : failure);
        } catch (TimeoutException e) {
            closing =
                    true; // whatever it still does, nobody waits for it: the target is let go when
            // it comes back
            throw new TargetException(
                    "tracing process "
                            + target.pid()
                            + " took more than "
                            + patience.toSeconds()
                            + " s",
                    e);
        } catch (InterruptedException e) {
            closing = true;
            Thread.currentThread().interrupt();
            throw (IOException)
                    new InterruptedIOException("interrupted while tracing process " + target.pid())
                            .initCause(e);
        }
    }

    private void loop() {
        threadId = Scheduling.threadId();
        try {
            while (!closing && failure == null) {
                step();
            }
        } catch (Throwable t) { // of every kind: the target stands or waits until this thread has
            // ended
            failure = t;
        }
        ended = true;
        commands.forEach(command -> command.cancel(false));
        if (failure != null) {
            lost.accept(failure);
        }
    }

    private void step() throws IOException {
        FutureTask<?> command = commands.poll();
        if (command != null) {
            command.run();
            if (command.state() == Future.State.FAILED) {
                failure = command.exceptionNow();
            }
        } else if (standing != null) {
            if (standing.hasPassed()) {
                throw new TargetException(
                        "process %d stood for more than %d s"
                                .formatted(target.pid(), STANDING_LIMIT.toSeconds()));
            }
            LockSupport.parkNanos(this, TimeUnit.MILLISECONDS.toNanos(100));
        } else if (tracees.isEmpty()) {
            LockSupport.park(this);
        } else if (!tracees.service()) {
            LockSupport.parkNanos(this, IDLE_NANOS);
        }
    }

    /**
     * Returns when everything that has the target's memory is traced, and will be when it is made.
     */
    private void seizeAll() throws IOException {
        Set<Integer> before = Set.of();
        for (int quiet = 0; quiet < 2; ) {
            boolean found = !tracees.seizeNew().isEmpty();
            Set<Integer> others = new HashSet<>(MemorySharers.of(target.pid()));
            others.removeAll(tracees.sharers());
            Set<Integer> lasting = new HashSet<>(others);
            lasting.retainAll(before); // a child of vfork(2) does not last
            lasting.forEach(tracees::addProcess);
            if (found || !lasting.isEmpty()) {
                quiet = 0;
            } else {
                quiet = others.isEmpty() ? 2 : quiet + 1;
            }
            before = others;
            serve(others.isEmpty() ? Duration.ZERO : VFORK_GRACE);
        }
    }

    /** Serves those that run, for so long at least. */
    private void serve(Duration time) throws IOException {
        Deadline deadline = Deadline.in(clock, time);
        tracees.service();
        while (!deadline.hasPassed() && !closing) {
            LockSupport.parkNanos(this, IDLE_NANOS);
            tracees.service();
        }
    }

    private void learnExitWord(Tracee tracee) throws IOException {
        if (tracee.isNew || tracee.exitWord != ExitWord.UNKNOWN) {
            return; // the call that makes it tells
        }
        tracee.exitWord = ExitWord.ofLibraryThread(tracee.tid, target);
        if (tracee.exitWord == ExitWord.UNKNOWN) {
            boolean stood = tracee.stands();
            if (!stood && !tracees.stopOne(tracee, Deadline.in(clock, ONE_STOP_LIMIT))) {
                throw new TargetException(StuckThread.of(tracee.tid).toString());
            }
            if (tracee.registers != null) { // it has not ended instead
                tracee.exitWord =
                        new TidAddressCall(tracee.tid, ground(), probe, this::awaitReport)
                                .ask(tracee.registers);
            }
            if (!stood) {
                tracee.goOn();
                tracees.serviceNowAndThen();
            }
        }
    }

    private Ptrace.Wait awaitReport(int tid) throws IOException {
        return tracees.await(tid, Deadline.in(clock, ONE_STOP_LIMIT));
    }

    private InjectionGround ground() throws IOException {
        if (ground == null) {
            ground = target.injectionGround();
        }
        return Objects.requireNonNull(ground);
    }

    private Standing stop(Duration budget) throws IOException {
        Duration gap = FIRST_GAP;
        for (int turn = 1; ; turn++) {
            probe.at("tracer: freeze");
            long since = clock.monotonicTime();
            @Nullable Tracee late = tracees.stopAll(Deadline.in(clock, budget));
            if (late == null) {
                for (Tracee tracee : List.copyOf(tracees.all())) {
                    learnExitWord(
                            tracee); // of one that was hidden from us (CLONE_UNTRACED) until now
                }
                standing = Deadline.in(clock, STANDING_LIMIT);
                probe.at("tracer: all stand");
                return new Standing(tracees.standing(), since);
            }
            tracees.goOn();
            if (turn == STOPS) {
                throw new TargetException(
                        "%s. It was waited for %d ms, %d times; try again later, or give it more time with --stop-budget"
                                .formatted(StuckThread.of(late.tid), budget.toMillis(), STOPS));
            }
            serve(gap);
            gap = gap.multipliedBy(2);
        }
    }

    private ThreadState state(int tid, Registers registers) throws IOException {
        return new ThreadState(
                tid,
                target.threadName(tid),
                0, // a thread that stands is not about to take a signal
                Ptrace.signalMask(tid),
                registers.bytes(),
                Ptrace.registers(tid, Ptrace.NT_PRFPREG),
                Architecture.CURRENT == Architecture.X86_64
                        ? Ptrace.registers(tid, Ptrace.NT_X86_XSTATE)
                        : new byte[0]);
    }
}
