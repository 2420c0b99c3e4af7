package dev.stillframe.engine.process;

import java.io.IOException;
import java.nio.file.Path;

/**
 * A thread that does not stop, because it waits in the kernel for something that no signal ends: a
 * file system that does not answer, or the child of a vfork(2). Immutable.
 *
 * @param tid its number
 * @param name its name
 * @param state as in {@code /proc/PID/status}
 * @param waitsIn the function of the kernel that it waits in; empty if that cannot be read
 */
record StuckThread(int tid, String name, String state, String waitsIn) {
    private static final String NOWHERE = "0";

    /** What is known of it now. */
    static StuckThread of(int tid) {
        return new StuckThread(tid, read(tid, "comm"), state(tid), read(tid, "wchan"));
    }

    private static String state(int tid) {
        try {
            return ProcessStatus.of(tid).text("State");
        } catch (IOException e) {
            return "ended";
        }
    }

    private static String read(int tid, String file) {
        try {
            String text = Processes.read(Path.of("/proc/" + tid + "/" + file)).strip();
            return text.equals(NOWHERE) ? "" : text;
        } catch (IOException e) {
            return ""; // it has ended, or we may not know
        }
    }

    @Override
    public String toString() {
        return "thread %d (%s) did not stop; it is in the kernel, state %s%s"
                .formatted(tid, name, state, waitsIn.isEmpty() ? "" : ", in " + waitsIn);
    }
}
