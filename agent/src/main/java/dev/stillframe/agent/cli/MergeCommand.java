package dev.stillframe.agent.cli;

import dev.stillframe.engine.image.ImageMerge;
import dev.stillframe.engine.image.ImageReader;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code stillframe merge}. */
@Command(
        name = "merge",
        description = {
            "Make an image that stands alone out of one that shares pages with its parents"
                    + " (snapshot --parent).",
            "",
            "Every page is checked on the way. The root hash stays the same, because it is of what the"
                    + " pages hold and not of where they are stored; the parents stay as they are."
        },
        footer = {
            "",
            "Examples:",
            "  stillframe merge --out monday-whole.image monday.image",
            "  stillframe merge --out whole.image --parents /old/images monday.image"
        })
final class MergeCommand implements Callable<Integer> {
    @Mixin private Output output = new Output();
    @Mixin private Parents parents = new Parents();

    @Option(
            names = "--out",
            paramLabel = "IMAGE",
            required = true,
            description = "Directory to make; it must not exist.")
    private Path out = Path.of("");

    @Parameters(paramLabel = "IMAGE", description = "The image directory.")
    private Path image = Path.of("");

    /** What JSON shows. */
    record Facts(String image, String rootHash, long pages, long sharedPages) {}

    @Override
    public Integer call() throws Exception {
        try (ImageReader reader = ImageReader.open(image, parents.places())) {
            merge(reader);
            Facts facts =
                    new Facts(
                            out.toString(),
                            HexFormat.of().formatHex(reader.rootHash()),
                            reader.layout().pageCount(),
                            reader.sharedPages());
            output.facts(
                    facts,
                    new Rows()
                            .add("image", facts.image())
                            .add("root hash", facts.rootHash() + ", as before")
                            .add(
                                    "pages",
                                    "%s, of which %s were in parents"
                                            .formatted(
                                                    Units.count(facts.pages()),
                                                    Units.count(facts.sharedPages())))
                            .missing(reader.missing())
                            .lines());
            return ExitCode.of(reader.missing());
        }
    }

    private void merge(ImageReader reader) throws Exception {
        if (!ProgressDisplay.isTerminal()) {
            ImageMerge.merge(reader, out, ImageMerge.Progress.NONE);
            return;
        }
        try (ProgressDisplay display = ProgressDisplay.show("merge")) {
            ImageMerge.merge(reader, out, display::at);
        }
    }
}
