package dev.stillframe.agent;

import dev.stillframe.engine.thread.Role;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.IntSupplier;

/**
 * Gives a command the time to undo what it did when the process is told to end: SIGINT, SIGTERM and
 * SIGHUP interrupt the command's thread, and the process leaves with the exit code that the command
 * then comes to. One command, one thread.
 */
final class OrderlyStop {
    /** How long a command may take to clean up. */
    private static final Duration PATIENCE = Duration.ofSeconds(15);

    private static final int FAILED = 1;

    private OrderlyStop() {}

    /**
     * Runs the command in the calling thread and returns its exit code; does not return after a
     * signal.
     */
    static int run(IntSupplier command) {
        CompletableFuture<Integer> exitCode = new CompletableFuture<>();
        Thread worker = Thread.currentThread();
        Thread hook = Role.STOP.unstarted(() -> Runtime.getRuntime().halt(stop(worker, exitCode)));
        Runtime.getRuntime().addShutdownHook(hook);
        int code = FAILED;
        try {
            code = command.getAsInt();
        } finally {
            exitCode.complete(code);
            removeUnlessStopping(hook);
        }
        return code;
    }

    private static int stop(Thread worker, CompletableFuture<Integer> exitCode) {
        worker.interrupt();
        try {
            return exitCode.get(PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException | ExecutionException e) {
            return FAILED;
        } catch (TimeoutException e) {
            // Leaving at once is safe: closing our descriptors releases the target.
            System.err.println(
                    "stillframe: not stopped within "
                            + PATIENCE.toSeconds()
                            + " s; leaving as things are");
            return FAILED;
        }
    }

    private static void removeUnlessStopping(Thread hook) {
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException e) {
            // The hook runs already and ends the process with the code it was just given.
            awaitTheEnd(hook);
        }
    }

    private static void awaitTheEnd(Thread hook) {
        boolean ended = false;
        while (!ended) {
            try {
                ended = hook.join(PATIENCE);
            } catch (InterruptedException e) {
                // the signal that the hook passed on; there is nothing left to interrupt
            }
        }
    }
}
