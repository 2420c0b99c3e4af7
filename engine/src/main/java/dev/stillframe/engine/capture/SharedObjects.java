package dev.stillframe.engine.capture;

import dev.stillframe.engine.instant.Missing;
import dev.stillframe.engine.linux.Errno;
import dev.stillframe.engine.process.Mapping;
import dev.stillframe.engine.process.SharedElsewhere;
import dev.stillframe.engine.process.Target;
import dev.stillframe.engine.process.TargetException;
import java.io.IOException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;

/**
 * Who else maps the target's shared memory writable, gathered at three looks in the course of a
 * snapshot. Owned by the thread that takes the snapshot.
 */
final class SharedObjects {
    private static final String AGAIN = "the target, by a mapping that is not protected,";
    private static final String MAPPED_ONCE_MORE =
            "shared memory that the target mapped once more while it was copied (mremap with an old size of 0): what it wrote there was not seen";
    private static final long EVENT_NANOS = 100_000;

    private final Target target;
    private final OthersMemory others;
    private final Set<Missing> found = new LinkedHashSet<>();

    SharedObjects(Target target, boolean trustsOwnDescriptors) {
        this.target = target;
        this.others = new OthersMemory(target, trustsOwnDescriptors);
    }

    OthersMemory others() {
        return others;
    }

    /** Looks before anything is protected. */
    void before() throws IOException {
        others.begin();
        look(target.mappings());
    }

    private void look(List<Mapping> mappings) throws IOException {
        found.addAll(target.sharedElsewhere(mappings));
        others.look(mappings);
    }

    /**
     * Looks soon after the target runs again: who maps it at T0 may be gone when the last page has
     * been copied.
     */
    void afterwards(List<Mapping> mappings) throws IOException {
        look(mappings);
    }

    /**
     * Looks when the last page has been copied and everything is still registered.
     *
     * @param mappings those at T0
     * @param instant T0
     * @return all that need not be of T0
     */
    List<Missing> atEnd(
            Capture capture, Registration registration, List<Mapping> mappings, Instant instant)
            throws IOException {
        look(mappings);
        found.addAll(others.changed(registration.tracked(), instant));
        for (TrackedMapping t : registration.tracked()) {
            if (capture.mappedOnceMore.touches(t.range().start(), t.range().end())) {
                found.add(new Missing(t.range(), MAPPED_ONCE_MORE));
            }
        }
        List<Mapping> tracked =
                mappings.stream().filter(m -> registration.isTracked(m.range().start())).toList();
        found.addAll(SharedElsewhere.compare(tracked, unprotected(capture), AGAIN));
        return List.copyOf(found);
    }

    /** Where the target can write now without that we were told. */
    private List<Mapping> unprotected(Capture capture) throws IOException {
        List<Mapping> unprotected = new ArrayList<>();
        for (Mapping mapping : mappingsNow()) {
            if (mapping.isSharedMemory()
                    && mapping.isWritable()
                    && !isRegistered(capture, mapping)) {
                unprotected.add(mapping);
            }
        }
        return unprotected;
    }

    /** None if it has ended since. */
    private List<Mapping> mappingsNow() throws IOException {
        try {
            return target.mappings();
        } catch (TargetException e) {
            return List.of();
        }
    }

    /** The kernel says so when it is asked to unprotect a page; all of them are copied by now. */
    private static boolean isRegistered(Capture capture, Mapping mapping) throws IOException {
        long result = capture.tracker.unprotect(mapping.range().start(), Block.PAGE_BYTES);
        while (result == -Errno.EAGAIN.number()) { // an event that a worker is about to read
            capture.check();
            LockSupport.parkNanos(EVENT_NANOS);
            result = capture.tracker.unprotect(mapping.range().start(), Block.PAGE_BYTES);
        }
        return result != -Errno.ENOENT.number();
    }
}
