package dev.stillframe.engine.image;

import dev.stillframe.engine.memory.FileReference;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Tells whether the files that an image refers to are still what they were at T0: a regular file of
 * the same inode, size and time of modification. Each is looked at once. Owned by one thread.
 */
final class ReferencedFiles {
    private final Map<FileReference, Finding> findings = new HashMap<>();

    /**
     * What was found.
     *
     * @param path where the file is; meaningless if {@code problem} is set
     * @param problem why its bytes cannot stand for those of T0; null if they can
     */
    record Finding(Path path, @Nullable String problem) {}

    Finding find(FileReference reference) {
        return findings.computeIfAbsent(reference, ReferencedFiles::look);
    }

    private static Finding look(FileReference reference) {
        try {
            Path path = Path.of(reference.path());
            return new Finding(path, problem(path, reference));
        } catch (IllegalArgumentException e) { // a hostile image: the path holds a NUL
            return new Finding(Path.of("/"), "the file's path is not one: " + e.getMessage());
        } catch (IOException e) {
            return new Finding(
                    Path.of("/"),
                    reference.path() + " cannot be found any more (" + e.getMessage() + ")");
        }
    }

    private static @Nullable String problem(Path path, FileReference reference) throws IOException {
        if (reference.sizeBytes() < 0 || reference.modifiedNanos() < 0) {
            return reference.path() + " could not be identified when the image was taken";
        }
        if (!path.isAbsolute() || !Files.isRegularFile(path, LinkOption.NOFOLLOW_LINKS)) {
            return reference.path() + " is not there as a regular file";
        }
        Map<String, Object> now =
                Files.readAttributes(
                        path, "unix:ino,size,lastModifiedTime", LinkOption.NOFOLLOW_LINKS);
        long inode = ((Number) Objects.requireNonNull(now.get("ino"))).longValue();
        long size = (Long) Objects.requireNonNull(now.get("size"));
        long modified =
                ((FileTime) Objects.requireNonNull(now.get("lastModifiedTime")))
                        .to(TimeUnit.NANOSECONDS);
        if (inode != reference.inode()
                || size != reference.sizeBytes()
                || modified != reference.modifiedNanos()) {
            return reference.path()
                    + " is not the file any more that was mapped: inode, size or time differ";
        }
        return null;
    }
}
