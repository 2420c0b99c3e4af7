package dev.stillframe.engine.target;

import dev.stillframe.engine.linux.Errno;
import dev.stillframe.engine.linux.ErrnoException;
import dev.stillframe.engine.linux.Machine;
import dev.stillframe.engine.linux.Ptrace;
import dev.stillframe.engine.linux.Ptrace.Wait;
import dev.stillframe.engine.linux.RobustList;
import dev.stillframe.engine.linux.Scheduling;
import dev.stillframe.engine.linux.Userfaultfd;
import dev.stillframe.engine.page.ThreadState;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * The one thread that traces a target: ptrace(2) ties tracees to the thread that seized them. Its methods may be called
 * from any thread and run on that one. When it ends, for whatever reason, the kernel lets every tracee run on.
 */
public final class Tracer implements Attachment {
    private static final Duration PATIENCE = Duration.ofSeconds(30);
    private static final Duration FREEZE_PATIENCE = Duration.ofSeconds(10);
    private static final long IDLE_NANOS = 50_000;
    private static final long FREEZE_POLL_NANOS = 2_000;
    private static final int OPTIONS = Ptrace.O_TRACECLONE | Ptrace.O_TRACEEXIT;

    private final TargetProcess target;
    private final Probe probe;
    private final Thread thread;
    private final LinkedBlockingQueue<FutureTask<?>> commands = new LinkedBlockingQueue<>(16);
    private volatile boolean closing;

    // Owned by the tracer's thread.
    private final Map<Integer, Tracee> tracees = new HashMap<>();
    private ExitListener exits = exiting -> {};

    private static final class Tracee {
        final int tid;
        boolean stopped;
        int signal;

        Tracee(int tid) {
            this.tid = tid;
        }
    }

    /** Starts the thread. */
    public Tracer(TargetProcess target, Probe probe) {
        this.target = target;
        this.probe = probe;
        this.thread = Thread.ofPlatform().name("stillframe-tracer").daemon().start(this::loop);
    }

    /** Makes the target create a userfaultfd; see {@link UserfaultfdInjection}. */
    @Override
    public Userfaultfd tracker() throws IOException {
        return run(() -> target.inject(UserfaultfdInjection.Call.TAKE, probe)).userfaultfd();
    }

    /**
     * A userfaultfd that the target has, too: it stands at what is missing, rather than run on without, if we are killed.
     *
     * @param userfaultfd not yet enabled; whoever asked closes it
     * @param number the target's own descriptor, to be {@linkplain #closeShared closed} in the end
     */
    public record Shared(Userfaultfd userfaultfd, int number) {}

    /** Makes the target create a userfaultfd and keep it. */
    public Shared share() throws IOException {
        UserfaultfdInjection.Answer answer = run(() -> target.inject(UserfaultfdInjection.Call.SHARE, probe));
        return new Shared(answer.userfaultfd(), (int) answer.result());
    }

    /** Makes the target close what it kept. */
    public void closeShared(Shared shared) throws IOException {
        run(() -> target.inject(UserfaultfdInjection.Call.close(shared.number()), probe));
    }

    /**
     * Seizes every thread, present and future, without stopping any. Signals and clones of the target pass through this
     * thread from now on, and {@code listener} hears of exits.
     */
    @Override
    public void watch(ExitListener listener) throws IOException {
        run(
                () -> {
                    exits = listener;
                    while (seizeNew() > 0) {
                        service();
                    }
                    return true;
                });
    }

    @Override
    public List<FrozenThread> freeze() throws IOException {
        return run(this::stopAll);
    }

    @Override
    public List<ThreadState> states() throws IOException {
        return run(
                () -> {
                    List<ThreadState> states = new ArrayList<>();
                    for (Tracee tracee : tracees.values()) {
                        ThreadState state = state(tracee);
                        states.add(tracee.tid == target.pid() ? 0 : states.size(), state);
                    }
                    return states;
                });
    }

    /** They are untraced then. */
    @Override
    public void thaw() throws IOException {
        run(
                () -> {
                    for (Tracee tracee : tracees.values()) {
                        detach(tracee);
                    }
                    tracees.clear();
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
        while (thread.isAlive()) {
            try {
                thread.join(PATIENCE);
                break;
            } catch (InterruptedException e) {
                interrupted = true; // the target must be released first
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private <T> T run(Callable<T> command) throws IOException {
        FutureTask<T> task = new FutureTask<>(command);
        commands.add(task);
        LockSupport.unpark(thread);
        try {
            return task.get(PATIENCE.toNanos(), TimeUnit.NANOSECONDS);
        } catch (ExecutionException e) {
            if (e.getCause() instanceof IOException cause) {
                throw cause;
            }
            throw new IllegalStateException("tracer of process " + target.pid(), e.getCause());
        } catch (TimeoutException e) {
            throw new TargetException("tracing process " + target.pid() + " took more than " + PATIENCE.toSeconds() + " s", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw (IOException) new InterruptedIOException("interrupted while tracing process " + target.pid()).initCause(e);
        }
    }

    private void loop() {
        while (!closing) {
            FutureTask<?> command = commands.poll();
            if (command != null) {
                command.run();
            } else if (tracees.isEmpty()) {
                LockSupport.park(this);
            } else if (!serviceQuietly()) {
                LockSupport.parkNanos(this, IDLE_NANOS);
            }
        }
    }

    /** Between commands nobody waits for an exception; what is wrong will show in the next command. */
    private boolean serviceQuietly() {
        try {
            return service();
        } catch (IOException e) {
            tracees.clear();
            return false;
        }
    }

    /** Handles what the tracees report; false if there was nothing. */
    private boolean service() throws IOException {
        boolean any = false;
        for (Wait wait = poll(); wait != null; wait = poll()) {
            any = true;
            handle(wait, false);
        }
        return any;
    }

    private @Nullable Wait poll() throws IOException {
        try {
            return Ptrace.poll(-1);
        } catch (ErrnoException e) {
            if (e.is(Errno.ECHILD)) {
                tracees.clear(); // the last of them has ended
                return null;
            }
            throw e;
        }
    }

    /** Passes on what happened to a thread; while freezing, a thread that stopped stays so. */
    private void handle(Wait wait, boolean freezing) throws IOException {
        Tracee tracee = tracees.computeIfAbsent(wait.tid(), Tracee::new);
        switch (wait) {
            case Wait.Ended _ -> tracees.remove(wait.tid());
            case Wait.Exiting _ -> {
                exits.exiting(describe(tracee));
                resume(tracee, 0);
            }
            case Wait.Signal(_, int signal) -> stopOrResume(tracee, signal, freezing);
            case Wait.GroupStop _ -> {
                tracee.stopped = freezing;
                if (!freezing) {
                    Ptrace.listen(tracee.tid);
                }
            }
            // The new thread reports itself; it may have done so already, and may even have ended.
            case Wait.Cloned _, Wait.Interrupted _, Wait.SyscallStop _, Wait.VforkDone _ -> stopOrResume(tracee, 0, freezing);
        }
    }

    private static void stopOrResume(Tracee tracee, int signal, boolean freezing) throws IOException {
        if (freezing) {
            tracee.stopped = true;
            tracee.signal = signal;
        } else {
            resume(tracee, signal);
        }
    }

    private static void resume(Tracee tracee, int signal) throws IOException {
        try {
            Ptrace.resume(tracee.tid, signal);
        } catch (ErrnoException e) {
            if (!e.is(Errno.ESRCH)) { // killed meanwhile; its end is reported next
                throw e;
            }
        }
    }

    /** Seizes threads that are not traced yet; how many there were. */
    private int seizeNew() throws IOException {
        int found = 0;
        for (int tid : threads()) {
            if (!tracees.containsKey(tid) && seizeOne(tid)) {
                found++;
            }
        }
        return found;
    }

    private boolean seizeOne(int tid) throws IOException {
        probe.at("tracer: seize a thread");
        try {
            Ptrace.seize(tid, OPTIONS);
            tracees.put(tid, new Tracee(tid));
            return true;
        } catch (ErrnoException e) {
            if (e.is(Errno.ESRCH)) {
                return false; // has ended since it was listed
            }
            if (e.is(Errno.EPERM) && tracerOf(tid) == Scheduling.threadId()) {
                tracees.put(tid, new Tracee(tid)); // came with a clone; its first stop is still to be reported
                return true;
            }
            if (e.is(Errno.EPERM) && tracerOf(tid) == 0) {
                return false; // ending
            }
            throw new TargetException(
                    "thread %d of process %d is not ours to trace: %s".formatted(tid, target.pid(), e.getMessage()), e);
        }
    }

    /** The thread that traces {@code tid}, 0 for none. */
    private static int tracerOf(int tid) throws IOException {
        return Files.exists(Path.of("/proc/" + tid)) ? ProcessStatus.of(tid).number("TracerPid") : 0;
    }

    private List<Integer> threads() throws IOException {
        List<Integer> tids = new ArrayList<>();
        try (var entries = Files.newDirectoryStream(Path.of("/proc/" + target.pid() + "/task"))) {
            for (Path entry : entries) {
                tids.add(Integer.parseInt(entry.getFileName().toString()));
            }
        } catch (NoSuchFileException e) {
            throw new TargetException("process " + target.pid() + " has ended", e);
        }
        return tids;
    }

    private List<FrozenThread> stopAll() throws IOException {
        Deadline deadline = Deadline.in(FREEZE_PATIENCE);
        probe.at("tracer: freeze");
        for (Tracee tracee : tracees.values()) {
            interrupt(tracee);
        }
        do {
            awaitStopped(deadline);
            for (Tracee tracee : newTracees()) {
                interrupt(tracee);
            }
        } while (!tracees.values().stream().allMatch(t -> t.stopped));
        List<FrozenThread> frozen = new ArrayList<>(tracees.size());
        for (Tracee tracee : tracees.values()) {
            frozen.add(describe(tracee));
        }
        return frozen;
    }

    private List<Tracee> newTracees() throws IOException {
        List<Tracee> before = List.copyOf(tracees.values());
        if (seizeNew() == 0) {
            return List.of();
        }
        return tracees.values().stream().filter(t -> !before.contains(t)).toList();
    }

    private static void interrupt(Tracee tracee) throws IOException {
        try {
            Ptrace.interrupt(tracee.tid);
        } catch (ErrnoException e) {
            if (!e.is(Errno.ESRCH)) { // it is ending, which will be reported
                throw e;
            }
        }
    }

    private void awaitStopped(Deadline deadline) throws IOException {
        while (true) {
            for (Wait wait = poll(); wait != null; wait = poll()) {
                handle(wait, true);
            }
            if (tracees.isEmpty()) {
                throw new TargetException("process " + target.pid() + " has ended");
            }
            Tracee running = tracees.values().stream().filter(t -> !t.stopped).findFirst().orElse(null);
            if (running == null) {
                return;
            }
            if (deadline.hasPassed()) {
                throw new TargetException(
                        "thread %d of process %d did not stop within %d s; it is in the kernel, state %s"
                                .formatted(
                                        running.tid,
                                        target.pid(),
                                        FREEZE_PATIENCE.toSeconds(),
                                        ProcessStatus.of(running.tid).text("State")));
            }
            LockSupport.parkNanos(FREEZE_POLL_NANOS);
        }
    }

    private static FrozenThread describe(Tracee tracee) throws IOException {
        Registers registers = new Registers(Ptrace.registers(tracee.tid, Ptrace.NT_PRSTATUS), Machine.CURRENT);
        return new FrozenThread(
                tracee.tid,
                tracee.signal,
                registers.stackPointer(),
                registers.threadPointer(),
                RobustList.head(tracee.tid));
    }

    private ThreadState state(Tracee tracee) throws IOException {
        int tid = tracee.tid;
        String name =
                Files.readString(
                                Path.of("/proc/" + target.pid() + "/task/" + tid + "/comm"),
                                StandardCharsets.ISO_8859_1)
                        .strip();
        return new ThreadState(
                tid,
                name,
                tracee.signal,
                Ptrace.signalMask(tid),
                Ptrace.registers(tid, Ptrace.NT_PRSTATUS),
                Ptrace.registers(tid, Ptrace.NT_PRFPREG),
                Machine.CURRENT == Machine.X86_64 ? Ptrace.registers(tid, Ptrace.NT_X86_XSTATE) : new byte[0]);
    }

    private static void detach(Tracee tracee) throws IOException {
        try {
            Ptrace.detach(tracee.tid, tracee.signal);
        } catch (ErrnoException e) {
            if (!e.is(Errno.ESRCH)) { // killed while it was stopped
                throw e;
            }
        }
    }
}
