package dev.stillframe.agent.cli;

import dev.stillframe.engine.image.ImageStore;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code stillframe list}. */
@Command(
        name = "list",
        description = {
            "List the images of a store, and what was left of images that never were finished.",
            "",
            "An unfinished image (a cut connection, a full disk) keeps a name with .partial- in it."
                    + " It is never taken for an image; look at it or remove it."
        },
        footer = {"", "Examples:", "  stillframe list --store /data/images"})
final class ListCommand implements Callable<Integer> {
    private static final long NANOS_PER_MILLI = 1_000_000;

    @Mixin private Output output = new Output();

    @Mixin private ExistingStore store = new ExistingStore();

    /** What JSON shows. */
    record Facts(List<ImageFact> images) {}

    /** An image in JSON. */
    record ImageFact(
            String name,
            String state,
            long storedBytes,
            @Nullable String instant,
            @Nullable String problem) {
        static ImageFact of(ImageStore.Entry entry) {
            Long nanos = entry.instantEpochNanos();
            String state =
                    entry.problem() != null
                            ? "unreadable"
                            : entry.published() ? "finished" : "unfinished";
            String instant =
                    nanos == null ? null : Instant.ofEpochMilli(nanos / NANOS_PER_MILLI).toString();
            return new ImageFact(
                    entry.name(), state, entry.storedBytes(), instant, entry.problem());
        }
    }

    @Override
    public Integer call() throws Exception {
        List<ImageFact> images = store.open().list().stream().map(ImageFact::of).toList();
        List<String> lines = new ArrayList<>();
        for (ImageFact image : images) {
            String about = image.problem() != null ? image.problem() : image.instant();
            lines.add(
                    "%-10s %10s  %s%s"
                            .formatted(
                                    image.state(),
                                    Units.bytes(image.storedBytes()),
                                    image.name(),
                                    about == null ? "" : "  (" + about + ")"));
        }
        output.facts(
                new Facts(images),
                lines.isEmpty() ? List.of("no images in " + store.directory()) : lines);
        return ExitCode.DONE;
    }
}
