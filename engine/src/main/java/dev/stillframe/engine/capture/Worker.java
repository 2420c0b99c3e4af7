package dev.stillframe.engine.capture;

import dev.stillframe.engine.linux.Errno;
import dev.stillframe.engine.linux.Userfaultfd;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.memory.RegionKind;
import dev.stillframe.engine.memory.WriteTracker;
import dev.stillframe.engine.staging.ThreadEnd;
import dev.stillframe.engine.process.ProtectionView;
import dev.stillframe.engine.process.TargetException;
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
import java.util.function.Function;
import org.HdrHistogram.Histogram;
import org.jspecify.annotations.Nullable;

/**
 * A thread that answers the target's faults and, between them, does its {@link Work}. Faults come first: after every step
 * the descriptor is read again, which is all the spinning there is while a capture is hot. Without work it sleeps in poll.
 *
 * <p>Nothing on the way of a fault allocates for a page or takes a lock; the only thing that it can wait for is free staging.
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
    private final ProtectionView view;
    private final Protection protection;
    private final Copier copier;
    private int pendingCount;
    private int faultAround;

    private final List<Capture.Move> moves = new ArrayList<>();

    /** How many discards were logged when the last reading began, and with those that it has logged since. */
    private long logged;

    private long told;
    private final ConcurrentLinkedQueue<LiftRequest> requests = new ConcurrentLinkedQueue<>();

    /** Addresses of faults that another worker read, on pages that this one, which arms, is still to arm. */
    private final ConcurrentLinkedQueue<Long> handedOver = new ConcurrentLinkedQueue<>();

    /** Odd while messages are read and the events among them are being logged. */
    private final AtomicLong eventTurn = new AtomicLong();

    /** Odd while faults are being answered. */
    private final AtomicLong faultTurn = new AtomicLong();

    /** Odd while something is being unprotected, onto which the target may just be moving other memory. */
    private final AtomicLong releaseTurn = new AtomicLong();

    private volatile @Nullable Work work;
    private volatile @Nullable Thread assigner;

    /** For the protection. */
    private final class TargetEvents implements Protection.Events {
        @Override
        public void receive() throws IOException {
            Worker.this.receive();
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
            releaseTurn.incrementAndGet();
        }

        @Override
        public void released() {
            releaseTurn.incrementAndGet();
        }

        @Override
        public void spoilt(long start, long bytes) {
            capture.discards.add(new AddressRange(start, start + bytes));
        }
    }

    /** Pages that must be writable before a thread may exit. */
    private record LiftRequest(List<AddressRange> ranges, CountDownLatch done) {}

    /** {@code view} is its own from now on. */
    Worker(Capture capture, ProtectionView view) {
        this.capture = capture;
        this.tracker = capture.tracker;
        this.view = view;
        this.protection = new Protection(tracker, new TargetEvents(), capture::isStopped);
        this.copier = new Copier(capture, protection, view, this::awaitEventsLogged, this::awaitReleased);
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

    /** Whether all of a run is protected now. */
    boolean sees(Run run) throws IOException {
        return view.isWhole(run.start(), run.bytes());
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
                } else if (spins() && System.nanoTime() - idleSince < SPIN_NANOS) {
                    Thread.yield(); // spins only while nobody else wants the processor
                } else {
                    tracker.await(SLEEP_NANOS);
                }
            }
        } catch (Throwable t) { // the thread's top: nobody else would see it
            capture.fail(t);
        } finally {
            copier.flush();
            view.close();
            arena.close();
            ended.reached();
        }
    }

    /** While arming, where one worker has all the work, the others leave the processors to the target. */
    private boolean spins() {
        return capture.options.tuning().spin()
                && (capture.phase() != Capture.Phase.ARM || capture.workers.getFirst() == this);
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
        faultTurn.incrementAndGet();
        try {
            Capture.Phase phase = capture.phase();
            if (phase == Capture.Phase.FREEZE && capture.workers.getFirst() != this) {
                return false; // what is known of the target is being put in order, and who waits in it stands anyway
            }
            receive();
            for (Long address = handedOver.poll(); address != null; address = handedOver.poll()) {
                remember(address, System.nanoTime());
            }
            followMoves();
            if (pendingCount == 0) {
                faultAround = Math.max(leastFaultAround(), faultAround / 2);
                return false;
            }
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

    /** Odd while it answers; what it had begun to answer is answered when this has changed. */
    long faultTurn() {
        return faultTurn.get();
    }

    /** Reads messages; events are dealt with at once, faults are put aside. */
    private void receive() throws IOException {
        eventTurn.incrementAndGet();
        try {
            logged = capture.discards.mark();
            told = logged;
            int count = tracker.read(messages);
            if (count < 0 && !capture.isStopped()) {
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
        for (Block each : capture.table.within(start, end)) {
            for (Piece piece : each.pieces()) {
                // A discard of shared memory may only unmap it here; whether the content has gone is seen when it is read.
                if (gone || piece.mapping().kind() != RegionKind.SHARED) {
                    lose(each, piece, range);
                } else {
                    capture.givenUp.add(range);
                    capture.elsewhere(piece.mapping(), range).forEach(capture.givenUp::add);
                }
            }
            forgetHoles(each, range);
        }
        log(range);
    }

    /** Behind the claims: what another worker has claimed meanwhile, it did after its mark. */
    private void log(AddressRange range) {
        capture.discards.add(range);
        told++;
    }

    /** What was empty until now is accounted for. */
    private static void forgetHoles(Block block, AddressRange range) {
        for (int page = block.firstPage(range); page < block.endPage(range); page++) {
            block.move(page, Claim.HOLE, Claim.ZERO);
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
        if (from == end) {
            mappedOnceMore(from); // nothing has moved: mremap(2) with an old size of 0
            return;
        }
        AddressRange range = new AddressRange(from, end);
        if (capture.phase() == Capture.Phase.ARM) {
            capture.unmapped.add(range);
            capture.stale.add(new AddressRange(target, target + range.sizeBytes()));
            return;
        }
        // Claimed now, so that nobody looks for them at their old place.
        for (Block each : capture.table.within(from, end)) {
            for (int page = 0; page < Block.PAGES; page++) {
                if (range.contains(each.address(page)) && each.move(page, Claim.CLEAN, Claim.MOVED)) {
                    capture.movedPages.incrementAndGet();
                }
            }
            forgetHoles(each, range);
        }
        // What we were told before the move was before it; what others were told meanwhile may have been after it.
        long mark = capture.discards.mark();
        Capture.Move move = new Capture.Move(range, target, mark == told ? mark : logged);
        log(range);
        capture.moves.add(move);
        moves.add(move);
    }

    private void mappedOnceMore(long address) {
        if (capture.phase() != Capture.Phase.ARM) { // before T0 the freeze finds the mapping
            long page = address & -Block.PAGE_BYTES;
            capture.mappedOnceMore.add(new AddressRange(page, page + Block.PAGE_BYTES));
        }
    }

    /**
     * The content of T0 is at its new place, still protected: it is copied from there. Only what was told before: a target may
     * go on moving for ever.
     */
    private void followMoves() throws IOException {
        for (int count = moves.size(); count > 0; count--) {
            Capture.Move move = moves.removeLast();
            AddressRange from = move.from();
            for (Block each : capture.table.within(from.start(), from.end())) {
                for (int page = 0; page < Block.PAGES; page++) {
                    if (from.contains(each.address(page)) && each.move(page, Claim.MOVED, Claim.COPYING)) {
                        each.set(page, copier.copyMoved(each, page, move) ? Claim.DONE : Claim.LOST);
                        capture.movedPages.decrementAndGet();
                    }
                }
            }
            capture.moves.remove(move);
            protection.release(move.target(), from.sizeBytes());
        }
    }

    /** Lets the writer of {@code address} go on, as soon as the law allows it. */
    private void answer(long address, Capture.Phase phase, long since) throws IOException {
        Block at = capture.table.find(address);
        int page = Block.pageOf(address);
        if (at == null || at.claim(page) == Claim.UNSEEN) {
            // Memory that was moved there, or a message that is out of date.
            long start = address & -Block.PAGE_BYTES;
            protection.release(start, Block.PAGE_BYTES);
            if (phase == Capture.Phase.ARM) { // another worker may have begun to arm it meanwhile
                capture.stale.add(new AddressRange(start, start + Block.PAGE_BYTES));
            }
        } else if (phase == Capture.Phase.ARM) {
            lift(at, page);
        } else {
            capture(at, page);
            latency.recordValue(Math.min(System.nanoTime() - since, HISTOGRAM_MAX_NANOS));
        }
    }

    private void lift(Block at, int page) throws IOException {
        if (isBeingArmed(at, page)) {
            liftUnarmed(at, page);
            return;
        }
        boolean seized = at.seize();
        try {
            int first = at.isHuge() ? 0 : page;
            int end = at.isHuge() ? Block.PAGES : page + 1;
            boolean ours = false;
            for (int each = first; each < end; each++) {
                ours |= beginLift(at, each);
            }
            if (!ours) { // another worker lifts it, and wakes all who wait for it
                if (isBeingArmed(at, page)) {
                    liftUnarmed(at, page);
                }
                return;
            }
            protection.release(at.address(first), (long) (end - first) * Block.PAGE_BYTES);
            for (int each = first; each < end; each++) {
                at.move(each, Claim.LIFTING, Claim.HOT);
            }
            at.warm();
        } finally {
            at.letGo(seized);
        }
    }

    /** What is protected there came with memory that was moved. Only the worker that arms the page must unprotect it. */
    private void liftUnarmed(Block at, int page) throws IOException {
        Worker arming = capture.workers.getFirst();
        if (arming == this) {
            protection.release(at.address(page), Block.PAGE_BYTES); // we arm it in a later step
        } else {
            arming.handedOver.add(at.address(page));
        }
    }

    /** Whether the page is ours to unprotect: without its claim it could have been protected again by another worker. */
    private static boolean beginLift(Block at, int page) {
        return at.move(page, Claim.CLEAN, Claim.LIFTING)
                || at.move(page, Claim.HOLE, Claim.LIFTING)
                || at.move(page, Claim.HOT, Claim.LIFTING); // hot, but what was moved onto it is protected
    }

    private static boolean isBeingArmed(Block at, int page) {
        byte claim = at.claim(page);
        return claim == Claim.ARMING || claim == Claim.ARMING_HOLE;
    }

    private void capture(Block at, int page) throws IOException {
        boolean seized = at.seize();
        try {
            captureSeized(at, page);
        } finally {
            at.letGo(seized);
        }
    }

    private void captureSeized(Block at, int page) throws IOException {
        switch (at.claim(page)) {
            case Claim.CLEAN -> {
                int window = at.isHuge() ? Block.PAGES : faultAround;
                int first = page & -window;
                copier.copyClean(at, first, first + window);
            }
            case Claim.HOLE -> releaseHoles(at, page);
            // Whoever copies it unprotects and wakes.
            case Claim.COPYING, Claim.COPIED, Claim.MOVED, Claim.RELEASING -> {}
            // Still the freeze's, which may protect it now: its writer faults again if so.
            case Claim.HOT, Claim.LIFTING, Claim.ARMING, Claim.ARMING_HOLE -> tracker.wake(at.address(page), Block.PAGE_BYTES);
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
        boolean seized = at.seize();
        try {
            int page = first;
            while (page < end) {
                long mark = capture.discards.mark();
                int after = at.moveRun(page, end, Claim.HOLE, Claim.RELEASING);
                if (after > page) {
                    releaseHoles(new Run(at, page, after), mark);
                }
                page = after + 1;
            }
        } finally {
            at.letGo(seized);
        }
    }

    /** What is still protected was empty until now, and so was what the target has just discarded. */
    private void releaseHoles(Run run, long mark) throws IOException {
        if (sees(run)) {
            run.set(Claim.ZERO);
        } else {
            receive();
            awaitEventsLogged();
            for (int page = run.first(); page < run.end(); page++) {
                Run one = new Run(run.block(), page, page + 1);
                boolean known = sees(one) || capture.discards.since(mark, one.start(), one.start() + one.bytes());
                run.block().set(page, known ? Claim.ZERO : Claim.LOST);
            }
        }
        protection.release(run.start(), run.bytes());
    }

    /** Returns when every event that any worker had read before the call is in the log. */
    private void awaitEventsLogged() {
        awaitOthers(other -> other.eventTurn);
    }

    /** Returns when no other worker is still releasing what it had begun to release before the call. */
    private void awaitReleased() {
        awaitOthers(other -> other.releaseTurn);
    }

    /** Returns when no other worker is still answering a fault as it was meant before the call. */
    void awaitFaultsAnswered() {
        awaitOthers(other -> other.faultTurn);
    }

    /** Returns when everybody's turn that is odd, if it is, has changed. */
    private void awaitOthers(Function<Worker, AtomicLong> turnOf) {
        for (Worker other : capture.workers) {
            AtomicLong turn = turnOf.apply(other);
            long now = turn.get();
            while (other != this && (now & 1) == 1 && turn.get() == now && !capture.isStopped()) {
                Waiting.giveWay();
            }
        }
    }
}
