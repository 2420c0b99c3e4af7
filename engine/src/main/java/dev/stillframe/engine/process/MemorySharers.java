package dev.stillframe.engine.process;

import dev.stillframe.engine.linux.Errno;
import dev.stillframe.engine.linux.ErrnoException;
import dev.stillframe.engine.linux.Kcmp;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;

/**
 * Processes that have the very memory of another, made by clone(2) with {@code CLONE_VM} but
 * without {@code CLONE_THREAD}: they are no threads of it, and write all the same. A child of
 * vfork(2) is one until it executes a program.
 */
final class MemorySharers {
    private MemorySharers() {}

    /** Those of {@code pid}, without itself. Asks about every process, a microsecond for each. */
    static Set<Integer> of(int pid) throws IOException {
        Set<Integer> sharers = new TreeSet<>();
        try (var entries = Files.newDirectoryStream(Path.of("/proc"), "[1-9]*")) {
            for (Path entry : entries) {
                int other = Integer.parseInt(entry.getFileName().toString());
                if (other != pid && share(pid, other)) {
                    sharers.add(other);
                }
            }
        }
        return sharers;
    }

    /** A process that is not ours to look at has other credentials, and with them other memory. */
    private static boolean share(int pid, int other) throws IOException {
        try {
            return Kcmp.sameMemory(pid, other);
        } catch (ErrnoException e) {
            if (e.is(Errno.EPERM) || e.is(Errno.EACCES)) {
                return false;
            }
            if (e.is(Errno.ENOSYS)) {
                throw new TargetException(
                        "this kernel is built without kcmp(2) (CONFIG_KCMP), so it cannot be known whether another process"
                                + " has the memory of process "
                                + pid,
                        e);
            }
            throw e;
        }
    }
}
