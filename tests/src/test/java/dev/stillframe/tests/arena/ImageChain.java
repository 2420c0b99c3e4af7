package dev.stillframe.tests.arena;

import dev.stillframe.engine.arena.ArenaOptions;
import dev.stillframe.engine.arena.ArenaReport;
import dev.stillframe.engine.arena.MemoryArena;
import dev.stillframe.engine.image.ImageWriter;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A whole image of an arena on disk and images of its changes since, each a child of the one
 * before. One thread's.
 */
final class ImageChain {
    private final MemoryArena arena;
    private final Path folder;

    /** The newest first. */
    private final List<Path> images = new ArrayList<>();

    private @Nullable ArenaReport whole;
    private @Nullable ArenaReport last;
    private int taken;

    /** The images are made in {@code folder} and left there. */
    ImageChain(MemoryArena arena, Path folder) {
        this.arena = arena;
        this.folder = folder;
    }

    /** Begins a new chain. */
    ArenaReport whole() throws IOException {
        images.clear();
        ArenaReport report = arena.snapshot(ImageWriter.create(next()));
        whole = report;
        last = report;
        return report;
    }

    /** Adds what was written since the newest image. */
    ArenaReport changes() throws IOException {
        ArenaReport report = changesSince(last, newest());
        last = report;
        return report;
    }

    /** Begins a chain of the same whole image and what was written since. */
    ArenaReport changesSinceWhole() throws IOException {
        images.subList(0, images.size() - 1).clear();
        ArenaReport report = changesSince(whole, newest());
        last = report;
        return report;
    }

    private ArenaReport changesSince(@Nullable ArenaReport parent, Path image) throws IOException {
        ArenaReport known = Objects.requireNonNull(parent, "no whole image yet");
        return arena.snapshotSince(
                known, ImageWriter.createChild(next(), image), ArenaOptions.DEFAULT);
    }

    private Path next() {
        images.addFirst(folder.resolve("image-" + taken++));
        return images.getFirst();
    }

    /** The newest image. */
    Path newest() {
        return images.getFirst();
    }

    /** Puts what the newest image is of into {@code other}. */
    void restoreTo(MemoryArena other) throws IOException {
        other.restore(newest());
    }
}
