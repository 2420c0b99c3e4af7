package dev.stillframe.engine.process;

import dev.stillframe.engine.linux.Errno;
import dev.stillframe.engine.linux.ErrnoException;
import dev.stillframe.engine.linux.Ptrace;
import dev.stillframe.engine.linux.Ptrace.Wait;
import dev.stillframe.engine.process.Attachment.ExitListener;
import dev.stillframe.engine.time.Deadline;
import io.micrometer.core.instrument.Clock;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * The threads that are traced: every one that runs on the target's memory. Owned by the tracer's
 * thread.
 *
 * <p>A signal on its way to one of them is never in our hands alone: it is passed on before
 * anything else is done, and until then the kernel has it (see {@link Ptrace#poll}). A thread that
 * stands, stands at a stop that carries none.
 */
final class Tracees {
    /**
     * Signals may come as fast as they are passed on; whoever serves them has other things to do.
     */
    private static final int REPORTS_AT_ONCE = 256;

    private static final long SERVICE_GAP_NANOS = 1_000_000;
    private static final long STOP_POLL_NANOS = 2_000;

    private final TargetProcess target;
    private final Probe probe;
    private final Clock clock;
    private final Map<Integer, Tracee> tracees = new HashMap<>();

    /**
     * On their way out: they run no instruction of their program any more, and are traced until the
     * kernel reports their end.
     */
    private final Set<Integer> ending = new HashSet<>();

    /** The target, and what has its memory. */
    private final Set<Integer> processes = new TreeSet<>();

    private ExitListener exits = exiting -> {};
    private boolean stopping;
    private @Nullable Tracee wanted;
    private long servedNanos;

    Tracees(TargetProcess target, Probe probe, Clock clock) {
        this.target = target;
        this.probe = probe;
        this.clock = clock;
        servedNanos = clock.monotonicTime();
        processes.add(target.pid());
    }

    void listen(ExitListener listener) {
        exits = listener;
    }

    boolean isEmpty() {
        return tracees.isEmpty() && ending.isEmpty();
    }

    Collection<Tracee> all() {
        return tracees.values();
    }

    /** Processes other than the target that were found to have its memory. */
    Set<Integer> sharers() {
        Set<Integer> others = new TreeSet<>(processes);
        others.remove(target.pid());
        return others;
    }

    /**
     * Those of a process that has the target's memory are seized with the next {@link #seizeNew}.
     */
    void addProcess(int pid) {
        processes.add(pid);
    }

    /** Seizes threads that are not traced yet. */
    List<Tracee> seizeNew() throws IOException {
        List<Tracee> found = new ArrayList<>();
        for (int process : List.copyOf(processes)) {
            List<Integer> threads = Seizing.threads(process);
            if (threads.isEmpty()) {
                hasEnded(process);
            }
            for (int tid : threads) {
                if (!tracees.containsKey(tid) && !ending.contains(tid)) {
                    probe.at("tracer: seize a thread");
                    @Nullable Tracee seized = Seizing.seize(tid, process);
                    if (seized != null) {
                        tracees.put(tid, seized);
                        found.add(seized);
                    }
                }
            }
        }
        return found;
    }

    private void hasEnded(int process) throws TargetException {
        if (process == target.pid()) {
            throw new TargetException("process " + process + " has ended");
        }
        processes.remove(process);
    }

    /** Handles some of what the tracees report while they run; false if there was nothing. */
    boolean service() throws IOException {
        servedNanos = clock.monotonicTime();
        for (int count = 0; count < REPORTS_AT_ONCE; count++) {
            if (wanted != null && wanted.stands()) {
                break; // it would be reported again and again
            }
            @Nullable Wait wait = poll(-1);
            if (wait == null) {
                return count > 0;
            }
            handle(wait);
        }
        return true;
    }

    /** To ask about all takes the kernel the longer the more there are. */
    void serviceNowAndThen() throws IOException {
        if (clock.monotonicTime() - servedNanos > SERVICE_GAP_NANOS) {
            service();
        }
    }

    /** The next report, or null; those that have gone without a word are forgotten. */
    private @Nullable Wait poll(int tid) throws IOException {
        try {
            return Ptrace.poll(tid);
        } catch (ErrnoException e) {
            if (!e.is(Errno.ECHILD)) {
                throw e;
            }
            if (tid < 0) {
                tracees.clear();
                ending.clear();
            } else {
                tracees.remove(tid);
            }
            return null;
        }
    }

    private void handle(Wait wait) throws IOException {
        if (wait instanceof Wait.Ended) {
            tracees.remove(wait.tid());
            ending.remove(wait.tid());
            return;
        }
        if (wait instanceof Wait.Executed) {
            executed(wait.tid());
            return;
        }
        probe.at("tracer: a report");
        Tracee tracee = tracees.computeIfAbsent(wait.tid(), tid -> Tracee.cloned(tid, 0));
        try {
            if (!tracee.isNew || admit(tracee)) {
                handle(tracee, wait);
            }
        } catch (ErrnoException e) {
            if (!e.is(Errno.ESRCH)) { // killed while it stood there; its end is reported next
                throw e;
            }
        }
    }

    private void handle(Tracee tracee, Wait wait) throws IOException {
        switch (wait) {
            case Wait.Exiting _ -> letExit(tracee);
            case Wait.Signal(_, int signal) -> goOn(tracee, signal);
            case Wait.Cloned _ -> {
                expectChild(tracee);
                goOn(tracee, 0);
            }
            case Wait.Interrupted _, Wait.GroupStop _ -> {
                tracee.stand(wait);
                if (!mustStand(
                        tracee)) { // it was told to stop when there was time for it, and was late
                    tracee.goOn();
                }
            }
            case Wait.SyscallStop _, Wait.VforkDone _ -> goOn(tracee, 0);
            case Wait.Ended _, Wait.Executed _ ->
                    throw new IllegalStateException("handled before: " + wait);
        }
    }

    private boolean mustStand(Tracee tracee) {
        return stopping || tracee == wanted;
    }

    /**
     * At the first report of a thread that came with a clone; false if it was let go, because it
     * has other memory.
     */
    private boolean admit(Tracee tracee) throws IOException {
        tracee.isNew = false;
        if (tracee.exitWord == ExitWord.UNKNOWN || tracee.process == 0) {
            CloneCall call = CloneCall.of(tracee.readRegisters(), target);
            tracee.isStranger |= !call.sharesMemory();
            tracee.exitWord = call.exitWord();
            tracee.process = call.isThread() ? processOf(tracee.tid) : tracee.tid;
        }
        if (tracee.isStranger) {
            tracees.remove(tracee.tid);
            tracee.detach();
            return false;
        }
        processes.add(tracee.process);
        tellExitWord(tracee);
        return true;
    }

    private int processOf(int tid) {
        for (int process : processes) {
            if (Files.exists(Path.of("/proc/" + process + "/task/" + tid))) {
                return process;
            }
        }
        return target.pid(); // it has ended since: nobody asks any more
    }

    /** The parent has not come back from its call, so the arguments of that are still there. */
    private void expectChild(Tracee parent) throws IOException {
        int tid = (int) Ptrace.eventMessage(parent.tid);
        if (tracees.containsKey(tid) || ending.contains(tid) || !isTracee(tid)) {
            return; // it has reported itself already
        }
        CloneCall call = CloneCall.of(parent.readRegisters(), target);
        Tracee child = Tracee.cloned(tid, call.isThread() ? parent.process : tid);
        child.isStranger = !call.sharesMemory();
        child.exitWord = call.exitWord();
        tracees.put(tid, child);
    }

    private static boolean isTracee(int tid) throws IOException {
        try {
            return !(Ptrace.poll(tid) instanceof Wait.Ended);
        } catch (ErrnoException e) {
            if (e.is(Errno.ECHILD)) {
                return false;
            }
            throw e;
        }
    }

    /** Once it is known. */
    void tellExitWord(Tracee tracee) {
        if (tracee.exitWord > ExitWord.NONE) {
            exits.willClear(tracee.exitWord);
        }
    }

    private void letExit(Tracee tracee) throws IOException {
        exits.exiting(tracee.describe(tracee.readRegisters()));
        tracees.remove(tracee.tid);
        ending.add(tracee.tid);
        goOn(tracee, 0);
    }

    /** A process that shared the target's memory until now has its own from here on. */
    private void executed(int process) throws IOException {
        if (process == target.pid()) {
            throw new TargetException("process " + process + " has executed another program");
        }
        processes.remove(process);
        ending.remove(process);
        tracees.values().removeIf(each -> each.process == process);
        Tracee.seized(process, process).detach();
    }

    /**
     * Lets a thread go on that stands, passing {@code signal} to it unless it is 0. If it must
     * stand, not further than to a stop.
     */
    private void goOn(Tracee tracee, int signal) throws IOException {
        if (signal != 0) {
            probe.at("tracer: pass a signal on");
        }
        if (mustStand(tracee)) {
            tracee.interrupt();
        }
        tracee.resume(signal);
    }

    /**
     * Stops every thread, and those that they make meanwhile.
     *
     * @return a thread that did not stop in time; null if all stand. Whatever stands then goes on
     *     by {@link #goOn}
     */
    @Nullable Tracee stopAll(Deadline deadline) throws IOException {
        stopping = true;
        for (Tracee tracee : tracees.values()) {
            tracee.interrupt();
        }
        do {
            @Nullable Tracee late = awaitStopped(deadline);
            if (late != null) {
                return late;
            }
            for (Tracee tracee : seizeNew()) {
                tracee.interrupt();
            }
        } while (!running().isEmpty());
        if (!tracees.containsKey(target.pid())) {
            throw new TargetException(
                    "the main thread of process "
                            + target.pid()
                            + " has ended; such a process cannot be looked at");
        }
        return null;
    }

    private List<Tracee> running() {
        return tracees.values().stream().filter(each -> !each.stands()).toList();
    }

    /** Asks each thread by itself: what stands already would be reported again and again. */
    private @Nullable Tracee awaitStopped(Deadline deadline) throws IOException {
        for (List<Tracee> running = running(); !running.isEmpty(); running = running()) {
            for (Tracee tracee : running) {
                advance(tracee);
            }
            if (tracees.isEmpty()) {
                break;
            }
            if (deadline.hasPassed()) {
                return running().stream().findFirst().orElse(null);
            }
            LockSupport.parkNanos(STOP_POLL_NANOS);
        }
        if (tracees.isEmpty()) {
            throw new TargetException("process " + target.pid() + " has ended");
        }
        return null;
    }

    /** Towards its stop. */
    private void advance(Tracee tracee) throws IOException {
        while (!tracee.stands() && tracees.containsKey(tracee.tid)) {
            @Nullable Wait wait = poll(tracee.tid);
            if (wait == null) {
                return;
            }
            handle(wait);
        }
    }

    /**
     * Stops one thread, or sees it end; the others are served meanwhile. False if neither came in
     * time.
     */
    boolean stopOne(Tracee tracee, Deadline deadline) throws IOException {
        wanted = tracee;
        tracee.interrupt();
        while (!tracee.stands() && tracees.containsKey(tracee.tid) && !deadline.hasPassed()) {
            advance(tracee);
            if (!tracee.stands()) {
                serviceNowAndThen();
                LockSupport.parkNanos(STOP_POLL_NANOS);
            }
        }
        wanted = null;
        return tracee.stands() || !tracees.containsKey(tracee.tid);
    }

    /** Waits for the next report of a thread that is led through a call. */
    Wait await(int tid, Deadline deadline) throws IOException {
        while (!deadline.hasPassed()) {
            @Nullable Wait wait = Ptrace.poll(tid);
            if (wait != null) {
                return wait;
            }
            LockSupport.parkNanos(STOP_POLL_NANOS);
        }
        throw new TargetException(StuckThread.of(tid).toString());
    }

    /** Lets everything go on that stands; it stays traced. */
    void goOn() throws IOException {
        stopping = false;
        for (Tracee tracee : tracees.values()) {
            tracee.goOn();
        }
    }

    /** Lets everything go that stands; nothing of it is traced then. */
    void detachAll() throws IOException {
        stopping = false;
        for (Tracee tracee : tracees.values()) {
            tracee.detach();
        }
        tracees.clear();
    }

    /** What stands. */
    List<FrozenThread> standing() throws IOException {
        List<FrozenThread> standing = new ArrayList<>(tracees.size());
        for (Tracee tracee : tracees.values()) {
            if (tracee.registers != null) {
                standing.add(tracee.describe(tracee.registers));
            }
        }
        return standing;
    }
}
