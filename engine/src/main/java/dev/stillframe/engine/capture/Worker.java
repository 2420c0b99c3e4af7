package dev.stillframe.engine.capture;

import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.process.ProtectionView;
import dev.stillframe.engine.staging.ThreadEnd;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Function;
import org.HdrHistogram.Histogram;
import org.jspecify.annotations.Nullable;

/**
 * A thread that answers the target's faults and, between them, does its {@link Work}. Faults come
 * first: after every step the descriptor is read again, which is all the spinning there is while a
 * capture is hot. Without work it sleeps in poll.
 */
final class Worker implements Runnable {
    private static final long SLEEP_NANOS = 2_000_000;
    private static final long LIFT_PATIENCE_MILLIS = 1_000;
    private static final long SPIN_NANOS = 20_000_000;

    private final Capture capture;
    private final ThreadEnd ended;
    private final ProtectionView view;
    private final Protection protection;
    private final Copier copier;
    private final Messages messages;
    private final Answers answers;
    private final ConcurrentLinkedQueue<LiftRequest> requests = new ConcurrentLinkedQueue<>();

    /**
     * Addresses of faults that another worker read, on pages that this one, which arms, is still to
     * arm.
     */
    private final ConcurrentLinkedQueue<Long> handedOver = new ConcurrentLinkedQueue<>();

    /** While messages are read and the events among them are being logged. */
    private final Turn reading = new Turn();

    /** While faults are being answered. */
    private final Turn answering = new Turn();

    /**
     * While something is being unprotected, onto which the target may just be moving other memory.
     */
    private final Turn releasing = new Turn();

    private volatile @Nullable Work work;
    private volatile @Nullable Thread assigner;

    /** For the protection. */
    private final class TargetEvents implements Protection.Events {
        @Override
        public void receive() throws IOException {
            messages.receive();
        }

        @Override
        public boolean hasArrived(long start, long bytes) {
            awaitEventsLogged();
            for (Capture.Move move : capture.moves) {
                if (move.hasArrivedIn(start, start + bytes)) {
                    return true;
                }
            }
            return false;
        }

        @Override
        public void releasing() {
            releasing.begin();
        }

        @Override
        public void released() {
            releasing.end();
        }

        @Override
        public void spoilt(long start, long bytes) {
            capture.discards.add(new AddressRange(start, start + bytes));
        }
    }

    /** For the answers. */
    private final class OtherWorkers implements Answers.Others {
        @Override
        public void awaitEventsLogged() {
            Worker.this.awaitEventsLogged();
        }

        @Override
        public boolean isArmedHere(long address) {
            Worker arming = capture.workers.getFirst();
            if (arming != Worker.this) {
                arming.handedOver.add(address);
            }
            return arming == Worker.this;
        }
    }

    /** Pages that must be writable before a thread may exit. */
    private record LiftRequest(List<AddressRange> ranges, CountDownLatch done) {}

    /** {@code view} is its own from now on. */
    Worker(Capture capture, ProtectionView view) {
        this.capture = capture;
        this.view = view;
        this.ended = new ThreadEnd(capture.clock);
        this.messages = new Messages(capture, reading);
        this.protection =
                new Protection(
                        capture.tracker, new TargetEvents(), capture::isStopped, capture.clock);
        this.copier =
                new Copier(capture, protection, view, this::awaitEventsLogged, this::awaitReleased);
        this.answers = new Answers(capture, messages, new OtherWorkers(), view, protection, copier);
    }

    /**
     * Gives it something to do; the previous work must be finished. The calling thread is unparked
     * at its end.
     */
    void assign(Work next) {
        assigner = Thread.currentThread();
        work = next;
    }

    boolean hasWork() {
        return work != null;
    }

    /** Waits for the thread's end, at most {@code nanos}; whether it has ended. */
    boolean awaitEnd(long nanos) {
        return ended.await(nanos);
    }

    /** Latencies of the faults that were answered from T0 on; read after the end. */
    Histogram latency() {
        return answers.latency();
    }

    /** Its turn of answering faults. */
    Turn answering() {
        return answering;
    }

    /** What this worker protects and unprotects with. */
    Protection protection() {
        return protection;
    }

    /** Whether all of a run is protected now. */
    boolean sees(Run run) throws IOException {
        return view.isWhole(run.start(), run.bytes());
    }

    /** What this worker copies with. */
    Copier copier() {
        return copier;
    }

    /** Releases the empty pages from {@code first} to {@code end}: there is nothing to copy. */
    void releaseHoles(Block at, int first, int end) throws IOException {
        answers.releaseHoles(at, first, end);
    }

    @Override
    @SuppressWarnings(
            "ThreadPriorityCheck") // a hint that makes the spinning polite; nothing relies on it
    public void run() {
        try {
            long idleSince = capture.clock.monotonicTime();
            while (!capture.isStopped()) {
                if (turn()) {
                    idleSince = capture.clock.monotonicTime();
                } else if (spins() && capture.clock.monotonicTime() - idleSince < SPIN_NANOS) {
                    Thread.yield(); // spins only while nobody else wants the processor
                } else {
                    capture.tracker.await(SLEEP_NANOS);
                }
            }
        } catch (Throwable t) { // the thread's top: nobody else would see it
            capture.fail(t);
        } finally {
            copier.flush();
            view.close();
            messages.close();
            ended.reached();
        }
    }

    /**
     * While arming, where one worker has all the work, the others leave the processors to the
     * target; and where staging is scarce, all to the drain.
     */
    private boolean spins() {
        return capture.options.tuning().spin()
                && !capture.staging.isScarce()
                && (capture.phase() != Capture.Phase.ARM || capture.workers.getFirst() == this);
    }

    /**
     * Before T0: makes ranges writable, between two steps of arming, and returns when they are.
     * Called by the tracer.
     *
     * @return false if it took too long
     */
    boolean lift(List<AddressRange> ranges) throws InterruptedException {
        LiftRequest request = new LiftRequest(ranges, new CountDownLatch(1));
        requests.add(request);
        return request.done().await(LIFT_PATIENCE_MILLIS, TimeUnit.MILLISECONDS);
    }

    private void answerRequests() throws IOException {
        for (LiftRequest request = requests.poll(); request != null; request = requests.poll()) {
            for (AddressRange range : request.ranges()) {
                for (long at = range.start() & -Block.PAGE_BYTES;
                        at < range.end();
                        at += Block.PAGE_BYTES) {
                    Block on = capture.table.find(at);
                    // A page that is still to be armed is exempt by now and never will be; and as
                    // the worker that is
                    // asked is the one that arms, waiting for it here would be waiting for itself.
                    if (on != null
                            && capture.phase() == Capture.Phase.ARM
                            && on.claim(Block.pageOf(at)) != Claim.ARMING) {
                        answers.lift(on, Block.pageOf(at));
                    }
                }
            }
            request.done().countDown();
        }
    }

    /** Without spinning, a worker with work leaves the faults to one that sleeps in poll. */
    private boolean turn() throws IOException {
        answerRequests();
        if (capture.options.tuning().spin()) {
            return serve() || advance();
        }
        return advance() || serve();
    }

    private boolean advance() throws IOException {
        Work now = work;
        if (now == null || now.isHeldUp()) {
            return false;
        }
        if (!now.step(this)) {
            work = null;
            LockSupport.unpark(assigner);
        }
        return true;
    }

    /** Reads what there is and answers it; false if there was nothing. */
    boolean serve() throws IOException {
        answering.begin();
        try {
            Capture.Phase phase = capture.phase();
            if (phase == Capture.Phase.FREEZE && capture.workers.getFirst() != this) {
                return false; // what is known of the target is being put in order, and who waits in
                // it stands anyway
            }
            messages.receive();
            for (Long address = handedOver.poll(); address != null; address = handedOver.poll()) {
                messages.remember(address, capture.clock.monotonicTime());
            }
            answers.followMoves();
            if (!messages.hasFaults()) {
                answers.sparse();
                return false;
            }
            while (messages.hasFaults()) {
                long address = messages.takeFault();
                answers.answer(address, phase, messages.since());
            }
        } finally {
            answering.end();
        }
        answers.dense();
        return true;
    }

    /** Returns when every event that any worker had read before the call is in the log. */
    private void awaitEventsLogged() {
        awaitOthers(other -> other.reading);
    }

    /**
     * Returns when no other worker is still releasing what it had begun to release before the call.
     */
    private void awaitReleased() {
        awaitOthers(other -> other.releasing);
    }

    /** Returns when no other worker is still answering a fault as it was meant before the call. */
    void awaitFaultsAnswered() {
        awaitOthers(other -> other.answering);
    }

    private void awaitOthers(Function<Worker, Turn> turnOf) {
        for (Worker other : capture.workers) {
            if (other != this) {
                turnOf.apply(other).awaitEnd(capture::isStopped);
            }
        }
    }
}
