package dev.stillframe.engine.memory;

import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The file behind a mapping, as it was at T0, so that a reader can tell whether the file it finds
 * today is still the same. Immutable.
 *
 * @param path as {@code /proc/PID/maps} gives it, possibly ending in {@code " (deleted)"}
 * @param inode inode number
 * @param sizeBytes length of the file, or -1 if it could not be read
 * @param modifiedNanos time of the last modification since the epoch, or -1 if it could not be read
 * @param buildId the GNU build id of an ELF file in hexadecimal, or null where there is none
 */
public record FileReference(
        String path, long inode, long sizeBytes, long modifiedNanos, @Nullable String buildId) {
    /** JSON from elsewhere may say null. */
    public FileReference {
        Objects.requireNonNull(path, "path");
    }
}
