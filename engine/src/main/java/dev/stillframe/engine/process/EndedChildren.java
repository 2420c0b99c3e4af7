package dev.stillframe.engine.process;

import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;

/**
 * By what it is seen that a child of a process has ended: two that are equal say that none has in
 * between, but for one whose parent ignores SIGCHLD. Immutable. Source: proc_pid_stat(5),
 * proc_tid_children(5).
 *
 * @param faults minor page faults of the children that were waited for: each has some
 * @param unwaited those that have ended and were not waited for
 */
public record EndedChildren(long faults, Set<Integer> unwaited) {
    /** Of a process that has none. */
    public static final EndedChildren NONE = new EndedChildren(0, Set.of());

    private static final char ZOMBIE = 'Z';

    static EndedChildren of(int pid) throws IOException {
        long faults = ProcessStatus.of(pid).faultsOfChildren();
        Set<Integer> unwaited = new HashSet<>();
        for (int tid : Seizing.threads(pid)) {
            for (int child : children(pid, tid)) {
                if (hasEnded(child)) {
                    unwaited.add(child);
                }
            }
        }
        return new EndedChildren(faults, Set.copyOf(unwaited));
    }

    private static int[] children(int pid, int tid) throws IOException {
        try {
            Path list = Path.of("/proc/%d/task/%d/children".formatted(pid, tid));
            return Processes.read(list)
                    .lines()
                    .flatMap(line -> Arrays.stream(line.strip().split(" ")))
                    .filter(word -> !word.isEmpty())
                    .mapToInt(Integer::parseInt)
                    .toArray();
        } catch (NoSuchFileException e) {
            return new int[0]; // the thread has ended, or the kernel is built without
            // CONFIG_PROC_CHILDREN
        }
    }

    private static boolean hasEnded(int child) throws IOException {
        try {
            return ProcessStatus.of(child).state() == ZOMBIE;
        } catch (TargetException e) {
            return false; // waited for since: its faults are counted with the others'
        }
    }
}
