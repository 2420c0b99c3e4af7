package dev.stillframe.engine.capture;

import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.process.ProtectionView;
import java.io.IOException;
import org.HdrHistogram.Histogram;

/**
 * How one worker lets the writers go on that it was told of, and follows what the target has moved.
 * Owned by its worker. Allocates nothing for a fault; the only thing that it can wait for is free
 * staging.
 */
final class Answers {
    private static final int LEAST_FAULT_AROUND = 16;
    private static final long HISTOGRAM_MAX_NANOS = 3_600_000_000_000L;

    private final Capture capture;
    private final Messages messages;
    private final Others others;
    private final ProtectionView view;
    private final Protection protection;
    private final Copier copier;
    private final Histogram latency = new Histogram(HISTOGRAM_MAX_NANOS, 2);
    private int faultAround;

    /** The other workers. */
    interface Others {
        /** Returns when every event that any worker had read before the call is in the log. */
        void awaitEventsLogged();

        /**
         * Whether this worker is the one that arms; if not, it is handed the address of a page that
         * it is still to arm.
         */
        boolean isArmedHere(long address);
    }

    Answers(
            Capture capture,
            Messages messages,
            Others others,
            ProtectionView view,
            Protection protection,
            Copier copier) {
        this.capture = capture;
        this.messages = messages;
        this.others = others;
        this.view = view;
        this.protection = protection;
        this.copier = copier;
        this.faultAround = leastFaultAround();
    }

    /** Latencies of the faults that were answered from T0 on. */
    Histogram latency() {
        return latency;
    }

    /** There was no fault: they come singly. */
    void sparse() {
        faultAround = Math.max(leastFaultAround(), faultAround / 2);
    }

    /** There were some: they come in crowds. */
    void dense() {
        faultAround = Math.min(capture.options.tuning().maxFaultAroundPages(), faultAround * 2);
    }

    private int leastFaultAround() {
        return Math.min(LEAST_FAULT_AROUND, capture.options.tuning().maxFaultAroundPages());
    }

    /**
     * The content of T0 is at its new place, still protected: it is copied from there. Only what
     * was told before: a target may go on moving for ever.
     */
    void followMoves() throws IOException {
        for (int count = messages.moves(); count > 0; count--) {
            Capture.Move move = messages.takeMove();
            AddressRange from = move.from();
            for (Block each : capture.table.within(from.start(), from.end())) {
                for (int page = 0; page < Block.PAGES; page++) {
                    if (from.contains(each.address(page))
                            && each.move(page, Claim.MOVED, Claim.COPYING)) {
                        each.set(
                                page, copier.copyMoved(each, page, move) ? Claim.DONE : Claim.LOST);
                        capture.movedPages.decrementAndGet();
                    }
                }
            }
            capture.moves.remove(move);
            protection.releaseIfQuiet(move.target(), from.sizeBytes());
        }
    }

    /** Lets the writer of {@code address} go on, as soon as the law allows it. */
    void answer(long address, Capture.Phase phase, long since) throws IOException {
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
            latency.recordValue(
                    Math.min(capture.clock.monotonicTime() - since, HISTOGRAM_MAX_NANOS));
        }
    }

    void lift(Block at, int page) throws IOException {
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

    /**
     * What is protected there came with memory that was moved. Only the worker that arms the page
     * must unprotect it.
     */
    private void liftUnarmed(Block at, int page) throws IOException {
        if (others.isArmedHere(at.address(page))) {
            protection.release(at.address(page), Block.PAGE_BYTES); // we arm it in a later step
        }
    }

    /**
     * Whether the page is ours to unprotect: without its claim it could have been protected again
     * by another worker.
     */
    private static boolean beginLift(Block at, int page) {
        return at.move(page, Claim.CLEAN, Claim.LIFTING)
                || at.move(page, Claim.HOLE, Claim.LIFTING)
                || at.move(
                        page,
                        Claim.HOT,
                        Claim.LIFTING); // hot, but what was moved onto it is protected
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
                capture.pace.await();
                int window = at.isHuge() ? Block.PAGES : stagedAround();
                int first = page & -window;
                copier.copyClean(at, first, first + window);
            }
            case Claim.HOLE -> releaseHoles(at, page);
            // Whoever copies it unprotects and wakes.
            case Claim.COPYING, Claim.COPIED, Claim.MOVED, Claim.RELEASING -> {}
            // Still the freeze's, which may protect it now: its writer faults again if so.
            case Claim.HOT, Claim.LIFTING, Claim.ARMING, Claim.ARMING_HOLE ->
                    capture.tracker.wake(at.address(page), Block.PAGE_BYTES);
            default -> {
                // A message out of date. A part of a huge page must not be touched by itself: that
                // would split it.
                if (at.isHuge() && at.count(Claim.CLEAN) == 0) {
                    protection.release(at.start, Block.BYTES);
                } else {
                    protection.release(at.address(page), Block.PAGE_BYTES);
                }
            }
        }
    }

    /** What is left of staging is for pages that somebody waits for. */
    private int stagedAround() {
        return capture.staging.isScarce() ? 1 : faultAround;
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

    /**
     * What is still protected was empty until now, and so was what the target has just discarded.
     */
    private void releaseHoles(Run run, long mark) throws IOException {
        if (view.isWhole(run.start(), run.bytes())) {
            run.set(Claim.ZERO);
        } else {
            messages.receive();
            others.awaitEventsLogged();
            for (int page = run.first(); page < run.end(); page++) {
                Run one = new Run(run.block(), page, page + 1);
                boolean known =
                        view.isWhole(one.start(), one.bytes())
                                || capture.discards.since(
                                        mark, one.start(), one.start() + one.bytes());
                run.block().set(page, known ? Claim.ZERO : Claim.LOST);
            }
        }
        protection.release(run.start(), run.bytes());
    }
}
