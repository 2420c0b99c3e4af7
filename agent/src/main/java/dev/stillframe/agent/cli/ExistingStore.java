package dev.stillframe.agent.cli;

import dev.stillframe.engine.image.ImageStore;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import picocli.CommandLine.Option;

/**
 * The option for a store that must be there: who lists or removes has mistyped the directory if it
 * is not.
 */
final class ExistingStore {
    @Option(
            names = "--store",
            paramLabel = "DIR",
            required = true,
            description = "The store's directory.")
    private Path directory = Path.of("");

    Path directory() {
        return directory;
    }

    ImageStore open() throws IOException, Failure {
        if (!Files.isDirectory(directory)) {
            throw new Failure(
                    directory
                            + " is not a directory: give --store the directory that receive was"
                            + " given");
        }
        return ImageStore.open(directory);
    }
}
