package dev.stillframe.engine.capture;

import dev.stillframe.engine.linux.Errno;
import dev.stillframe.engine.memory.WriteTracker;
import dev.stillframe.engine.target.TargetException;
import java.io.IOException;

/**
 * Protects and unprotects ranges whatever the target does meanwhile: an unread event makes every call answer EAGAIN, and an
 * unmapping ENOENT after a part of it. Owned by one worker; allocates nothing.
 */
final class Protection {
    private final WriteTracker tracker;
    private final Events events;

    /** Reads what is in the way. */
    @FunctionalInterface
    interface Events {
        void receive() throws IOException;
    }

    Protection(WriteTracker tracker, Events events) {
        this.tracker = tracker;
        this.events = events;
    }

    /** Protects a range, however long the target's events make that take. */
    void protect(long start, long bytes) throws IOException {
        long result = tracker.protect(start, bytes);
        while (result == -Errno.EAGAIN.number()) {
            events.receive();
            result = tracker.protect(start, bytes);
        }
        if (result == -Errno.ENOENT.number()) {
            eachPage(start, bytes, tracker::protect); // a part of it was unmapped meanwhile
        } else {
            check(result, "protecting", start, bytes);
        }
    }

    /** Unprotects a range and wakes its writers. */
    void release(long start, long bytes) throws IOException {
        long result = tracker.unprotect(start, bytes);
        while (result == -Errno.EAGAIN.number()) {
            events.receive(); // the faults among the messages are answered later
            result = tracker.unprotect(start, bytes);
        }
        if (result == -Errno.ENOENT.number()) {
            eachPage(start, bytes, tracker::unprotect);
            tracker.wake(start, bytes);
        } else {
            check(result, "unprotecting", start, bytes);
        }
    }

    @FunctionalInterface
    private interface PageCall {
        long apply(long start, long bytes);
    }

    private void eachPage(long start, long bytes, PageCall call) throws IOException {
        for (long page = start; page < start + bytes; page += Block.PAGE_BYTES) {
            long result = call.apply(page, Block.PAGE_BYTES);
            while (result == -Errno.EAGAIN.number()) {
                events.receive();
                result = call.apply(page, Block.PAGE_BYTES);
            }
            // ENOENT: not mapped any more; EINVAL: inside a hugetlb page whose first page was done for all.
            if (result != -Errno.ENOENT.number() && result != -Errno.EINVAL.number()) {
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
                    "%s %d bytes at %x answered %s".formatted(what, bytes, start, Errno.nameOf((int) -result)));
        }
    }
}
