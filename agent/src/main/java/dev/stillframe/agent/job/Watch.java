package dev.stillframe.agent.job;

import dev.stillframe.engine.capture.SnapshotException;
import dev.stillframe.engine.capture.SnapshotReport;
import dev.stillframe.engine.image.ImageStore;
import dev.stillframe.engine.image.ImageWriter;
import io.micrometer.core.instrument.Clock;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.regex.Pattern;

/**
 * A chain of images of one process: one every while, each with the pages that have changed since
 * the one before, the oldest merged away. Owned by the thread that runs it.
 */
public final class Watch {
    private static final DateTimeFormatter TIME =
            DateTimeFormatter.ofPattern("yyyyMMdd'T'HHmmss.SSS'Z'").withZone(ZoneOffset.UTC);
    private static final String TIME_PATTERN = "-\\d{8}T\\d{6}\\.\\d{3}Z";

    private final ImageStore store;
    private final Plan plan;
    private final Listener listener;
    private final Clock clock;

    /** The names of the chain's images, the oldest first. */
    private final Deque<String> images = new ArrayDeque<>();

    /**
     * What is wanted.
     *
     * @param name what the names of the images begin with
     * @param every from the beginning of one to the beginning of the next; if one takes longer, the
     *     next follows at once
     * @param keep how many images there are at most when one has been taken, 1 to 64
     * @param times how many are taken, 0 for no end
     */
    public record Plan(String name, Duration every, int keep, int times) {
        /** As many as a chain may have. */
        public static final int MOST = 64;

        /** Checks the ranges. */
        public Plan {
            if (!every.isPositive() || keep < 1 || keep > MOST || times < 0) {
                throw new IllegalArgumentException(
                        "every %s, keep %d (1 to %d), %d times"
                                .formatted(every, keep, MOST, times));
            }
        }
    }

    /** Told what happens, on the thread that runs the watch. */
    public interface Listener {
        /** An image is published. */
        void taken(String image, SnapshotReport report);

        /** There is none this time, and why. */
        void failed(String reason);

        /** An image has gone; what later ones need of it they have themselves now. */
        void removed(String image);
    }

    /** Goes on with the images of that name which are in the store. */
    public Watch(ImageStore store, Plan plan, Listener listener, Clock clock) throws IOException {
        this.store = store;
        this.plan = plan;
        this.listener = listener;
        this.clock = clock;
        images.addAll(store.names(Pattern.compile(Pattern.quote(plan.name()) + TIME_PATTERN)));
    }

    /**
     * Takes them until it was as often as wanted.
     *
     * @param process closed by the caller
     * @throws InterruptedException when the calling thread is interrupted, which is how a watch
     *     without an end ends
     * @throws SnapshotException if the last one of those wanted failed, or the process has ended
     */
    public void run(Watched process) throws SnapshotException, InterruptedException {
        for (int taken = 0; plan.times() == 0 || taken < plan.times(); taken++) {
            long nextNanos = clock.monotonicTime() + plan.every().toNanos();
            boolean last = taken + 1 == plan.times();
            try {
                take(process);
                prune();
            } catch (SnapshotException | IOException e) {
                listener.failed(String.valueOf(e.getMessage()));
                if (last || process.hasEnded()) {
                    throw e instanceof SnapshotException snapshot
                            ? snapshot
                            : new SnapshotException(String.valueOf(e.getMessage()), e);
                }
            }
            long waitNanos = nextNanos - clock.monotonicTime();
            if (!last && waitNanos > 0) {
                Thread.sleep(Duration.ofNanos(waitNanos));
            }
        }
    }

    private void take(Watched process) throws SnapshotException, IOException, InterruptedException {
        String name = plan.name() + "-" + TIME.format(Instant.ofEpochMilli(clock.wallTime()));
        ImageWriter writer = writer(process, store.resolve(name));
        boolean done = false;
        try {
            SnapshotReport report = process.take(writer);
            done = true;
            images.addLast(name);
            listener.taken(name, report);
        } finally {
            if (!done) {
                removePartial(writer);
            }
        }
    }

    /** With the newest image as parent that can be read. */
    private ImageWriter writer(Watched process, Path image) throws IOException {
        while (!images.isEmpty()) {
            try {
                return ImageWriter.createChild(image, store.resolve(images.getLast()));
            } catch (IOException e) {
                if (Files.exists(image)) {
                    throw e;
                }
                process.startAnew();
                listener.failed(
                        "%s cannot be gone on from, everything is read again: %s"
                                .formatted(images.removeLast(), e.getMessage()));
            }
        }
        return ImageWriter.create(image);
    }

    /** Many that failed must not fill the disk. */
    private void removePartial(ImageWriter writer) throws IOException {
        writer.close();
        Path partial = writer.partial();
        if (Files.exists(partial)) {
            store.removeAlone(partial.getFileName().toString());
        }
    }

    private void prune() throws IOException {
        while (images.size() > plan.keep()) {
            String oldest = images.removeFirst();
            store.makeStandAlone(images.getFirst());
            store.remove(oldest);
            listener.removed(oldest);
        }
    }
}
