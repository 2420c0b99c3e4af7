package dev.stillframe.engine.instant;

import java.util.List;
import java.util.Objects;

/**
 * The process that an image was taken from. Immutable.
 *
 * @param pid process id on its host
 * @param parentPid its parent's
 * @param groupId process group
 * @param sessionId session
 * @param userId real user id
 * @param userGroupId real group id
 * @param command {@code /proc/PID/comm}
 * @param arguments the command line, argument by argument
 * @param executable what {@code /proc/PID/exe} points to
 * @param host name of the host
 * @param machine {@code x86_64} or {@code aarch64}, as {@code uname -m}
 * @param kernel {@code uname -r}
 */
public record Source(
        int pid,
        int parentPid,
        int groupId,
        int sessionId,
        int userId,
        int userGroupId,
        String command,
        List<String> arguments,
        String executable,
        String host,
        String machine,
        String kernel) {
    /** Copies the list. */
    public Source {
        Objects.requireNonNull(command, "command"); // JSON from elsewhere may say null
        Objects.requireNonNull(executable, "executable");
        Objects.requireNonNull(host, "host");
        Objects.requireNonNull(machine, "machine");
        Objects.requireNonNull(kernel, "kernel");
        arguments = List.copyOf(arguments);
    }
}
