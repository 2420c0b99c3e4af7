package dev.stillframe.agent.cli;

import java.nio.file.Path;
import java.util.List;
import picocli.CommandLine.Option;

/** Where the images are that an image shares pages with. */
final class Parents {
    @Option(
            names = "--parents",
            paramLabel = "DIR",
            description =
                    "Look for the images that this one shares pages with in this directory too, and not only"
                            + " beside it; may be given several times.")
    private List<Path> places = List.of();

    List<Path> places() {
        return places;
    }
}
