package dev.stillframe.engine.capture;

import dev.stillframe.engine.linux.Errno;
import dev.stillframe.engine.process.TargetException;
import dev.stillframe.engine.tracking.WriteTracker;
import io.micrometer.core.instrument.Clock;
import java.io.IOException;
import java.util.function.BooleanSupplier;

/**
 * Protects and unprotects ranges whatever the target does meanwhile: an unread event makes every
 * call answer EAGAIN, and an unmapping ENOENT after a part of it. Owned by one worker; allocates
 * nothing.
 */
final class Protection {
    /**
     * As long as one call may take while there are events; a target that changes its mappings for
     * ever could keep us here.
     */
    private static final long PATIENCE_NANOS = 20_000_000_000L;

    private final WriteTracker tracker;
    private final PageCall protecting;
    private final PageCall unprotecting;
    private final Events events;
    private final BooleanSupplier stopped;
    private final Clock clock;
    private boolean heldUp;

    /** What the target does meanwhile. */
    interface Events {
        /** Reads what is in the way. */
        void receive() throws IOException;

        /** Whether memory was moved into the range that is still to be copied. */
        boolean hasArrived(long start, long bytes);

        /**
         * Whoever copies what was moved waits from here on for {@link #released}, before it trusts
         * its copy.
         */
        void releasing();

        /** The end of that. */
        void released();

        /** What was moved into the range may have been unprotected before it was copied. */
        void spoilt(long start, long bytes);
    }

    /** {@code stopped} tells that everything is about to be released at once. */
    Protection(WriteTracker tracker, Events events, BooleanSupplier stopped, Clock clock) {
        this.tracker = tracker;
        this.protecting = tracker::protect;
        this.unprotecting = tracker::unprotect;
        this.events = events;
        this.stopped = stopped;
        this.clock = clock;
    }

    /** Whether the target changed its mappings all the time while the last range was released. */
    boolean wasHeldUp() {
        return heldUp;
    }

    /** Protects a range. */
    void protect(long start, long bytes) throws IOException {
        long result = settled(protecting, start, bytes);
        if (result == -Errno.ENOENT.number()) {
            eachPage(start, bytes, protecting); // a part of it was unmapped meanwhile
        } else if (!stopped.getAsBoolean()) {
            check(result, "protecting", start, bytes);
        }
    }

    /** Calls until the answer is another than that an event is unread, or all is to be released. */
    private long settled(PageCall call, long start, long bytes) throws IOException {
        long result = call.apply(start, bytes);
        long since = result == -Errno.EAGAIN.number() ? clock.monotonicTime() : 0;
        while (result == -Errno.EAGAIN.number() && !stopped.getAsBoolean()) {
            readEvents(since);
            result = call.apply(start, bytes);
        }
        return result;
    }

    /**
     * After EAGAIN, which lasts until whoever changed its mappings has read that we know, and runs
     * on.
     */
    private void readEvents(long since) throws IOException {
        if (clock.monotonicTime() - since > PATIENCE_NANOS) {
            throw new TargetException(
                    "the target has changed its mappings without a pause for %d s"
                            .formatted(PATIENCE_NANOS / 1_000_000_000));
        }
        heldUp = true;
        events.receive(); // the faults among the messages are answered later
        Waiting.giveWay();
    }

    /**
     * Unprotects a range and wakes its writers; but not where memory was moved to that is still to
     * be copied.
     */
    void release(long start, long bytes) throws IOException {
        heldUp = false;
        events.releasing();
        try {
            releaseUnlessArrived(start, bytes);
        } finally {
            events.released();
        }
    }

    private void releaseUnlessArrived(long start, long bytes) throws IOException {
        if (!events.hasArrived(start, bytes)) {
            unprotectAndLook(start, bytes);
            return;
        }
        for (long page = start; page < start + bytes; page += Block.PAGE_BYTES) {
            if (!events.hasArrived(page, Block.PAGE_BYTES)) {
                unprotectAndLook(page, Block.PAGE_BYTES);
            }
        }
    }

    /**
     * Unprotects a range if that can be done at once, and else leaves it to the faults of whoever
     * writes there: a target that moves memory all the time would keep us here for ever.
     */
    void releaseIfQuiet(long start, long bytes) throws IOException {
        events.releasing();
        try {
            if (events.hasArrived(start, bytes) || !unprotectAtOnce(start, bytes)) {
                // Whose fault was read while the memory was still to be copied was not let go.
                tracker.wake(start, bytes);
            }
        } finally {
            events.released();
        }
    }

    private boolean unprotectAtOnce(long start, long bytes) throws IOException {
        long result = unprotecting.apply(start, bytes);
        lookAfterwards(start, bytes);
        if (result == -Errno.EAGAIN.number() || result == -Errno.ENOENT.number()) {
            return false;
        }
        if (!stopped.getAsBoolean()) {
            check(result, "unprotecting", start, bytes);
        }
        return true;
    }

    private void unprotectAndLook(long start, long bytes) throws IOException {
        unprotect(start, bytes, false);
        lookAfterwards(start, bytes);
    }

    /** It may have been moved there after the look before, and have been read by another worker. */
    private void lookAfterwards(long start, long bytes) {
        if (events.hasArrived(start, bytes)) {
            events.spoilt(start, bytes);
        }
    }

    /** The same for memory that was moved there, when it is copied. */
    void releaseMoved(long start, long bytes) throws IOException {
        unprotect(start, bytes, true);
    }

    private void unprotect(long start, long bytes, boolean moved) throws IOException {
        long result = unprotecting.apply(start, bytes);
        long since = result == -Errno.EAGAIN.number() ? clock.monotonicTime() : 0;
        while (result == -Errno.EAGAIN.number() && !stopped.getAsBoolean()) {
            readEvents(since);
            if (!moved && events.hasArrived(start, bytes)) {
                releaseUnlessArrived(start, bytes);
                return;
            }
            result = unprotecting.apply(start, bytes);
        }
        if (result == -Errno.ENOENT.number()) {
            eachPage(start, bytes, unprotecting);
            tracker.wake(start, bytes);
        } else if (!stopped.getAsBoolean()) { // else it is released by now
            check(result, "unprotecting", start, bytes);
        }
    }

    @FunctionalInterface
    private interface PageCall {
        long apply(long start, long bytes);
    }

    private void eachPage(long start, long bytes, PageCall call) throws IOException {
        for (long page = start; page < start + bytes; page += Block.PAGE_BYTES) {
            long result = settled(call, page, Block.PAGE_BYTES);
            // ENOENT: not mapped any more; EINVAL: inside a hugetlb page whose first page was done
            // for all.
            if (result != -Errno.ENOENT.number()
                    && result != -Errno.EINVAL.number()
                    && !stopped.getAsBoolean()) {
                check(result, "protecting or unprotecting", page, Block.PAGE_BYTES);
            }
        }
    }

    /** Throws what a call answered, if it was an error. */
    static void check(long result, String what, long start, long bytes) throws IOException {
        if (result == -Errno.ESRCH.number()) {
            throw new TargetException("the target has ended or has started another program");
        }
        if (result < 0) {
            throw new TargetException(
                    "%s %d bytes at %x answered %s"
                            .formatted(what, bytes, start, Errno.nameOf((int) -result)));
        }
    }
}
