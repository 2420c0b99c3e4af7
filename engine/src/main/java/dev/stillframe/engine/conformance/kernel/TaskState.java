package dev.stillframe.engine.conformance.kernel;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * How the kernel sees a thread: {@code State} of {@code /proc/PID/task/TID/stat} and the function
 * it sleeps in, {@code wchan} (proc(5)). A woken thread has no {@code wchan} from the moment of
 * waking on, so one that sleeps in the userfaultfd's code is parked and was not woken. Immutable.
 *
 * @param letter as in ps(1), or X if there is no such thread
 * @param sleepsIn name of a kernel function, or 0
 */
record TaskState(char letter, String sleepsIn) {
    static TaskState of(int pid, int tid) {
        String directory = "/proc/" + pid + "/task/" + tid;
        try {
            String sleepsIn = read(directory + "/wchan");
            String stat = read(directory + "/stat");
            return new TaskState(stat.charAt(stat.lastIndexOf(')') + 2), sleepsIn);
        } catch (IOException _) {
            return new TaskState('X', "0"); // it ends at any moment
        }
    }

    private static String read(String path) throws IOException {
        return new String(Files.readAllBytes(Path.of(path)), StandardCharsets.US_ASCII);
    }

    boolean isGone() {
        return letter == 'X' || letter == 'Z';
    }

    boolean isStopped() {
        return letter == 'T' || letter == 't';
    }

    /** In a fault, or behind an unread event. */
    boolean isParked() {
        return isAsleep() && sleepsIn.contains("userfault");
    }

    /** Parked where a signal reaches it. */
    boolean isInterruptible() {
        return letter == 'S';
    }

    /** Behind a child of vfork(2) that has not gone (kernel_clone, kernel/fork.c). */
    boolean isBehindChild() {
        return isAsleep() && sleepsIn.equals("kernel_clone");
    }

    private boolean isAsleep() {
        return letter == 'S' || letter == 'D';
    }
}
