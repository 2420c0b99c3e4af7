package dev.stillframe.engine.process;

import dev.stillframe.engine.linux.Errno;
import dev.stillframe.engine.linux.ErrnoException;
import dev.stillframe.engine.linux.Ptrace;
import dev.stillframe.engine.linux.Scheduling;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Begins to trace threads, without stopping them. */
final class Seizing {
    private static final int OPTIONS =
            Ptrace.O_TRACECLONE
                    | Ptrace.O_TRACEFORK
                    | Ptrace.O_TRACEEXEC
                    | Ptrace.O_TRACEEXIT
                    | Ptrace.O_TRACESYSGOOD;

    private Seizing() {}

    /** The threads of a process, empty if it has ended. */
    static List<Integer> threads(int process) throws IOException {
        List<Integer> tids = new ArrayList<>();
        try (var entries = Files.newDirectoryStream(Path.of("/proc/" + process + "/task"))) {
            for (Path entry : entries) {
                tids.add(Integer.parseInt(entry.getFileName().toString()));
            }
        } catch (NoSuchFileException e) {
            return List.of();
        }
        return tids;
    }

    /**
     * Seizes a thread of a process; null if it is ending.
     *
     * @throws TargetException if somebody else traces it, or we may not
     */
    static @Nullable Tracee seize(int tid, int process) throws IOException {
        try {
            Ptrace.seize(tid, OPTIONS);
            return Tracee.seized(tid, process);
        } catch (ErrnoException e) {
            if (e.is(Errno.ESRCH)) {
                return null; // has ended since it was listed
            }
            int tracer = e.is(Errno.EPERM) ? tracerOf(tid) : -1;
            if (tracer == Scheduling.threadId()) {
                return Tracee.cloned(tid, process); // its first stop is still to be reported
            }
            if (tracer == 0) {
                return null; // ending
            }
            throw new TargetException(
                    "thread %d of process %d is not ours to trace: %s"
                            .formatted(tid, process, e.getMessage()),
                    e);
        }
    }

    /** The thread that traces {@code tid}, 0 for none. */
    private static int tracerOf(int tid) throws IOException {
        return Files.exists(Path.of("/proc/" + tid))
                ? ProcessStatus.of(tid).number("TracerPid")
                : 0;
    }
}
