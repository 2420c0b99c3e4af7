package dev.stillframe.engine.image;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Says of a failed write what the system's own message leaves out: the place, the size and the room
 * left.
 */
final class WriteFailure {
    private WriteFailure() {}

    /** The exception to throw; {@code cause} is what the system said. */
    static IOException of(Path file, long offsetBytes, long sizeBytes, IOException cause) {
        String room;
        try {
            Path directory = file.toAbsolutePath().getParent();
            room =
                    Files.getFileStore(directory == null ? file : directory).getUsableSpace()
                            + " bytes are free";
        } catch (IOException e) {
            cause.addSuppressed(e);
            room = "the free space is unknown";
        }
        return new IOException(
                "cannot write %d bytes at %d of %s: %s; %s there: make room or choose another place"
                        .formatted(sizeBytes, offsetBytes, file, cause.getMessage(), room),
                cause);
    }
}
