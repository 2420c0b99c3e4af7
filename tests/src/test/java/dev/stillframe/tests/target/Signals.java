package dev.stillframe.tests.target;

import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;

/** Signals that {@link Process} cannot send, and waiting for what they bring about. Stateless. */
public final class Signals {
    private static final Duration WITHIN = Duration.ofSeconds(30);

    private Signals() {}

    /** Sends a signal by {@code kill(1)}, for instance {@code STOP}. */
    public static void send(String signal, int pid) throws IOException, InterruptedException {
        Process kill =
                new ProcessBuilder("kill", "-" + signal, Integer.toString(pid)).inheritIO().start();
        if (!kill.waitFor(WITHIN.toSeconds(), TimeUnit.SECONDS) || kill.exitValue() != 0) {
            kill.destroyForcibly();
            throw new IOException("cannot send SIG%s to %d".formatted(signal, pid));
        }
    }

    /**
     * Stops every thread of a process and waits until all of them stand. {@code CONT} lets them run
     * again.
     */
    public static void stop(int pid) throws Exception {
        send("STOP", pid);
        ProcessFacts facts = new ProcessFacts(pid);
        await(
                "all threads stopped",
                () -> facts.threadStates().stream().allMatch(List.of("T (stopped)")::contains));
    }

    /**
     * Waits, with a deadline, until something that cannot be waited for otherwise has come.
     *
     * @throws TimeoutException naming {@code what}
     */
    public static void await(String what, Callable<Boolean> condition) throws Exception {
        long deadline = System.nanoTime() + WITHIN.toNanos();
        while (!condition.call()) {
            if (System.nanoTime() > deadline) {
                throw new TimeoutException("after %s still not: %s".formatted(WITHIN, what));
            }
            LockSupport.parkNanos(1_000_000); // between two looks; what counts is the condition
        }
    }
}
