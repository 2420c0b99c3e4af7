package dev.stillframe.agent.cli;

import dev.stillframe.engine.image.ImageStore;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Opens a store that must be there: who lists or removes has mistyped the directory if it is not.
 */
final class ExistingStore {
    private ExistingStore() {}

    static ImageStore open(Path directory) throws IOException, Failure {
        if (!Files.isDirectory(directory)) {
            throw new Failure(
                    directory
                            + " is not a directory: give --store the directory that receive was"
                            + " given");
        }
        return ImageStore.open(directory);
    }
}
