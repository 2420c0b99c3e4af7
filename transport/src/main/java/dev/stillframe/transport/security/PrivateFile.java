package dev.stillframe.transport.security;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.util.Set;

/** A file with a secret. Stateless. */
final class PrivateFile {
    private static final Set<PosixFilePermission> OTHERS =
            Set.of(
                    PosixFilePermission.GROUP_READ,
                    PosixFilePermission.GROUP_WRITE,
                    PosixFilePermission.OTHERS_READ,
                    PosixFilePermission.OTHERS_WRITE);

    private PrivateFile() {}

    /**
     * Checks that it is there and is its owner's alone.
     *
     * @param what it is, in words
     */
    static void check(String what, Path file) throws IOException {
        if (!Files.isReadable(file)) {
            throw new IOException("cannot read %s %s: check the name".formatted(what, file));
        }
        if (file.getFileSystem().supportedFileAttributeViews().contains("posix")) {
            for (PosixFilePermission permission : Files.getPosixFilePermissions(file)) {
                if (OTHERS.contains(permission)) {
                    throw new IOException(
                            "others can read or write %s %s: chmod 600 %s, and think of it as known to them"
                                    .formatted(what, file, file));
                }
            }
        }
    }
}
