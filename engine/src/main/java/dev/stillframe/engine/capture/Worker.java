package dev.stillframe.engine.capture;

import dev.stillframe.engine.linux.Errno;
import dev.stillframe.engine.linux.Userfaultfd;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.memory.RegionKind;
import dev.stillframe.engine.memory.WriteTracker;
import dev.stillframe.engine.staging.ThreadEnd;
import dev.stillframe.engine.target.TargetException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.HdrHistogram.Histogram;
import org.jspecify.annotations.Nullable;

/**
 * A thread that answers the target's faults and, between them, does its {@link Work}. Faults come first: after every step
 * the descriptor is read again, which is all the spinning there is while a capture is hot. Without work it sleeps in poll.
 *
 * <p>Nothing on the way of a fault allocates or takes a lock; the only thing that it can wait for is free staging.
 */
final class Worker implements Runnable {
    private static final int MESSAGES = 64;
    private static final int PENDING = 4096;
    private static final int LEAST_FAULT_AROUND = 16;
    private static final long SLEEP_NANOS = 2_000_000;
    private static final long LIFT_PATIENCE_MILLIS = 1_000;
    private static final long SPIN_NANOS = 20_000_000;
    private static final long HISTOGRAM_MAX_NANOS = 3_600_000_000_000L;

    private final Capture capture;
    private final WriteTracker tracker;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment messages = arena.allocate((long) MESSAGES * Userfaultfd.MESSAGE_BYTES, 8);
    private final long[] pending = new long[PENDING];
    private final long[] pendingSince = new long[PENDING];
    private final Histogram latency = new Histogram(HISTOGRAM_MAX_NANOS, 2);
    private final ThreadEnd ended = new ThreadEnd();
    private final Protection protection;
    private final Copier copier;
    private int pendingCount;
    private int faultAround;

    private final List<Capture.Move> moves = new ArrayList<>();
    private final ConcurrentLinkedQueue<LiftRequest> requests = new ConcurrentLinkedQueue<>();

    /** Odd while messages are read and the events among them are being logged. */
    private final AtomicLong eventTurn = new AtomicLong();

    /** Odd while faults are being answered. */
    private final AtomicLong faultTurn = new AtomicLong();

    private volatile @Nullable Work work;
    private volatile @Nullable Thread assigner;

    /** Pages that must be writable before a thread may exit. */
    private record LiftRequest(List<AddressRange> ranges, CountDownLatch done) {}

    Worker(Capture capture) {
        this.capture = capture;
        this.tracker = capture.tracker;
        this.protection = new Protection(tracker, this::receive);
        this.copier = new Copier(capture, protection, this::awaitEventsLogged);
        this.faultAround = leastFaultAround();
    }

    private int leastFaultAround() {
        return Math.min(LEAST_FAULT_AROUND, capture.options.tuning().maxFaultAroundPages());
    }

    /** Gives it something to do; the previous work must be finished. The calling thread is unparked at its end. */
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
        return latency;
    }

    /** What this worker protects and unprotects with. */
    Protection protection() {
        return protection;
    }

    /** What this worker copies with. */
    Copier copier() {
        return copier;
    }

    @Override
    @SuppressWarnings("ThreadPriorityCheck") // a hint that makes the spinning polite; nothing relies on it
    public void run() {
        try {
            long idleSince = System.nanoTime();
            while (!capture.isStopped()) {
                if (turn()) {
                    idleSince = System.nanoTime();
                } else if (capture.options.tuning().spin() && System.nanoTime() - idleSince < SPIN_NANOS) {
                    Thread.yield(); // spins only while nobody else wants the processor
                } else {
                    tracker.await(SLEEP_NANOS);
                }
            }
        } catch (Throwable t) { // the thread's top: nobody else would see it
            capture.fail(t);
        } finally {
            copier.flush();
            arena.close();
            ended.reached();
        }
    }

    /**
     * Before T0: makes ranges writable, between two steps of arming, and returns when they are. Called by the tracer.
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
                for (long at = range.start() & -Block.PAGE_BYTES; at < range.end(); at += Block.PAGE_BYTES) {
                    Block on = capture.table.find(at);
                    // A page that is still to be armed is exempt by now and never will be; and as the worker that is
                    // asked is the one that arms, waiting for it here would be waiting for itself.
                    if (on != null
                            && capture.phase() == Capture.Phase.ARM
                            && on.claim(Block.pageOf(at)) != Claim.ARMING) {
                        lift(on, Block.pageOf(at));
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
        if (now == null) {
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
        receive();
        followMoves();
        if (pendingCount == 0) {
            faultAround = Math.max(leastFaultAround(), faultAround / 2);
            return false;
        }
        faultTurn.incrementAndGet();
        try {
            Capture.Phase phase = capture.phase();
            while (pendingCount > 0) {
                pendingCount--;
                answer(pending[pendingCount], phase, pendingSince[pendingCount]);
            }
        } finally {
            faultTurn.incrementAndGet();
        }
        faultAround = Math.min(capture.options.tuning().maxFaultAroundPages(), faultAround * 2);
        return true;
    }

    /** Reads messages; events are dealt with at once, faults are put aside. */
    private void receive() throws IOException {
        eventTurn.incrementAndGet();
        try {
            int count = tracker.read(messages);
            if (count < 0) {
                throw new TargetException("reading the userfaultfd answered " + Errno.nameOf(-count));
            }
            long now = count > 0 ? System.nanoTime() : 0;
            for (int i = 0; i < count; i++) {
                long start = Userfaultfd.messageStart(messages, i);
                switch (Userfaultfd.messageEvent(messages, i)) {
                    case FAULT -> remember(start, now);
                    case REMOVE -> discarded(start, Userfaultfd.messageEnd(messages, i), false);
                    case UNMAP -> discarded(start, Userfaultfd.messageEnd(messages, i), true);
                    case REMAP -> moved(start, Userfaultfd.messageEnd(messages, i), Userfaultfd.messageTarget(messages, i));
                }
            }
        } finally {
            eventTurn.incrementAndGet();
        }
    }

    private void remember(long address, long now) {
        for (int i = 0; i < pendingCount; i++) {
            if (pending[i] == address) {
                return; // many threads on one page, or a signal: one answer wakes them all
            }
        }
        if (pendingCount == PENDING) {
            // Its writer is woken when the sweep comes to the page, or faults again.
            tracker.wake(address & -Block.PAGE_BYTES, Block.PAGE_BYTES);
            return;
        }
        pending[pendingCount] = address;
        pendingSince[pendingCount++] = now;
    }

    private void discarded(long start, long end, boolean gone) {
        AddressRange range = new AddressRange(start, end);
        if (capture.phase() == Capture.Phase.ARM) {
            (gone ? capture.unmapped : capture.stale).add(range);
            return;
        }
        capture.discards.add(range);
        for (Block each : capture.table.within(start, end)) {
            for (Piece piece : each.pieces()) {
                // A discard of shared memory may only unmap it here; whether the content has gone is seen when it is read.
                if (gone || piece.mapping().kind() != RegionKind.SHARED) {
                    lose(each, piece, range);
                }
            }
        }
    }

    private static void lose(Block block, Piece piece, AddressRange range) {
        for (int page = piece.firstPage(); page < piece.endPage(); page++) {
            if (range.contains(block.address(page))) {
                block.move(page, Claim.CLEAN, Claim.LOST);
            }
        }
    }

    private void moved(long from, long end, long target) {
        AddressRange range = new AddressRange(from, end);
        if (capture.phase() == Capture.Phase.ARM) {
            capture.unmapped.add(range);
            capture.stale.add(new AddressRange(target, target + range.sizeBytes()));
            return;
        }
        capture.discards.add(range);
        Capture.Move move = new Capture.Move(range, target);
        // Claimed now, so that nobody looks for them at their old place.
        for (Block each : capture.table.within(from, end)) {
            for (int page = 0; page < Block.PAGES; page++) {
                if (range.contains(each.address(page))) {
                    each.move(page, Claim.CLEAN, Claim.MOVED);
                }
            }
        }
        capture.moves.add(move);
        moves.add(move);
    }

    /** The content of T0 is at its new place, still protected: it is copied from there. */
    private void followMoves() throws IOException {
        while (!moves.isEmpty()) {
            Capture.Move move = moves.removeLast();
            AddressRange from = move.from();
            for (Block each : capture.table.within(from.start(), from.end())) {
                for (int page = 0; page < Block.PAGES; page++) {
                    long address = each.address(page);
                    if (from.contains(address) && each.move(page, Claim.MOVED, Claim.COPYING)) {
                        boolean copied = copier.copy(each, page, page + 1, address - from.start() + move.target());
                        each.set(page, copied ? Claim.DONE : Claim.LOST);
                    }
                }
            }
            protection.release(move.target(), from.sizeBytes());
            capture.moves.remove(move);
        }
    }

    /** Lets the writer of {@code address} go on, as soon as the law allows it. */
    private void answer(long address, Capture.Phase phase, long since) throws IOException {
        Block at = capture.table.find(address);
        int page = Block.pageOf(address);
        if (at == null || at.claim(page) == Claim.EMPTY) {
            releaseUnknown(address);
        } else if (phase == Capture.Phase.ARM) {
            lift(at, page);
        } else {
            capture(at, page);
            latency.recordValue(Math.min(System.nanoTime() - since, HISTOGRAM_MAX_NANOS));
        }
    }

    /** A fault where nothing is tracked: memory that was moved there, or a message that is out of date. */
    private void releaseUnknown(long address) throws IOException {
        long page = address & -Block.PAGE_BYTES;
        long result;
        do {
            receive(); // a move whose event is unread makes the call below answer EAGAIN
            followMoves();
            awaitEventsLogged();
            for (Capture.Move move : capture.moves) {
                if (move.arrivedAt(page)) {
                    return; // another worker follows the move and releases it
                }
            }
            result = tracker.unprotect(page, Block.PAGE_BYTES);
        } while (result == -Errno.EAGAIN.number());
        tracker.wake(page, Block.PAGE_BYTES);
        if (result != -Errno.ENOENT.number()) {
            Protection.check(result, "unprotecting", page, Block.PAGE_BYTES);
        }
    }

    private void lift(Block at, int page) throws IOException {
        if (capture.workers.getFirst() == this && isBeingArmed(at, page)) {
            // We are who arms it, in a later step: what is protected there came with memory that was moved.
            protection.release(at.address(page), Block.PAGE_BYTES);
            return;
        }
        awaitArmed(at, page);
        int first = at.isHuge() ? 0 : page;
        int end = at.isHuge() ? Block.PAGES : page + 1;
        for (int each = first; each < end; each++) {
            if (!at.move(each, Claim.CLEAN, Claim.LIFTING)) {
                at.move(each, Claim.HOLE, Claim.LIFTING);
            }
        }
        protection.release(at.address(first), (long) (end - first) * Block.PAGE_BYTES);
        for (int each = first; each < end; each++) {
            at.move(each, Claim.LIFTING, Claim.HOT);
        }
        at.warm();
    }

    private void awaitArmed(Block at, int page) {
        while (isBeingArmed(at, page) && !capture.isStopped()) {
            Thread.onSpinWait(); // the arming worker comes to it
        }
    }

    private static boolean isBeingArmed(Block at, int page) {
        byte claim = at.claim(page);
        return claim == Claim.ARMING || claim == Claim.ARMING_HOLE;
    }

    private void capture(Block at, int page) throws IOException {
        switch (at.claim(page)) {
            case Claim.CLEAN -> {
                int window = at.isHuge() ? Block.PAGES : faultAround;
                int first = page & -window;
                copier.copyClean(at, first, first + window);
            }
            case Claim.HOLE -> releaseHoles(at, page);
            case Claim.COPYING, Claim.MOVED -> {} // whoever copies it unprotects and wakes
            default -> {
                // A message out of date. A part of a huge page must not be touched by itself: that would split it.
                if (at.isHuge() && at.count(Claim.CLEAN) == 0) {
                    protection.release(at.start, Block.BYTES);
                } else {
                    protection.release(at.address(page), Block.PAGE_BYTES);
                }
            }
        }
    }

    private void releaseHoles(Block at, int page) throws IOException {
        int window = at.isHuge() ? Block.PAGES : faultAround;
        int first = page & -window;
        releaseHoles(at, first, first + window);
    }

    /** Releases the empty pages from {@code first} to {@code end}: there is nothing to copy. */
    void releaseHoles(Block at, int first, int end) throws IOException {
        int page = first;
        while (page < end) {
            int after = at.moveRun(page, end, Claim.HOLE, Claim.ZERO);
            if (after > page) {
                protection.release(at.address(page), (long) (after - page) * Block.PAGE_BYTES);
            }
            page = after + 1;
        }
    }

    /** Returns when every event that any worker had read before the call is in the log. */
    private void awaitEventsLogged() {
        for (Worker other : capture.workers) {
            long turn = other.eventTurn.get();
            while (other != this && (turn & 1) == 1 && other.eventTurn.get() == turn && !capture.isStopped()) {
                Thread.onSpinWait();
            }
        }
    }

    /** Returns when no other worker is still answering a fault as it was meant before the call. */
    void awaitFaultsAnswered() {
        for (Worker other : capture.workers) {
            long turn = other.faultTurn.get();
            while (other != this && (turn & 1) == 1 && other.faultTurn.get() == turn && !capture.isStopped()) {
                Thread.onSpinWait();
            }
        }
    }
}
