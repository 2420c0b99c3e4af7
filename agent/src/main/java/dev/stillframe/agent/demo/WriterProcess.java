package dev.stillframe.agent.demo;

import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.thread.Role;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * A {@link Writer} in a process of its own, on the same JVM. Owned by one thread, but for its
 * rates.
 */
public final class WriterProcess implements AutoCloseable {
    /** Runs its arguments as a child; without the second command the shell would become them. */
    private static final String SHELL_SCRIPT = "\"$@\"; exit $?";

    /** How long it may take to end by itself. */
    private static final Duration GENTLE = Duration.ofSeconds(5);

    private static final Duration PATIENCE = Duration.ofSeconds(20);

    private final Process shell;
    private final RateLog rates = new RateLog();
    private final CompletableFuture<Ready> ready = new CompletableFuture<>();

    /** What the writer says first. */
    private record Ready(int pid, AddressRange memory) {}

    private WriterProcess(Process shell) {
        this.shell = shell;
    }

    /**
     * Starts the writer and waits until its memory is filled.
     *
     * @param stepsPerSecond that each of its threads keeps to; 0 for as many as it can
     * @throws IOException if it does not start; nothing is left running
     */
    public static WriterProcess start(Pattern pattern, long stepsPerSecond)
            throws IOException, InterruptedException {
        List<String> command =
                List.of(
                        "/bin/sh",
                        "-c",
                        SHELL_SCRIPT,
                        "writer",
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-XX:+UseSerialGC",
                        "-Xmx64m",
                        "-cp",
                        System.getProperty("java.class.path"),
                        Writer.class.getName(),
                        Integer.toString(pattern.threads()),
                        Integer.toString(pattern.pagesPerThread()),
                        Long.toString(stepsPerSecond));
        ProcessBuilder builder =
                new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT);
        WriterProcess writer = new WriterProcess(builder.start());
        Role.DEMO.start("output", writer::listen);
        boolean started = false;
        try {
            writer.ready.get(PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
            started = true;
            return writer;
        } catch (ExecutionException | TimeoutException e) {
            throw new IOException("the writer did not start: " + String.join(" ", command), e);
        } finally {
            if (!started) {
                writer.close();
            }
        }
    }

    /** Its process id. */
    public int pid() {
        return ready.join().pid();
    }

    /** Where its pattern is. */
    public AddressRange memory() {
        return ready.join().memory();
    }

    /** How fast it has been, up to now. */
    public RateLog rates() {
        return rates;
    }

    /** Whether it still runs, and its output has not ended. */
    public boolean isAlive() {
        return shell.isAlive() && !rates.hasEnded();
    }

    /** Ends the process and waits for it; an interrupt is kept for later. Idempotent. */
    @Override
    public void close() {
        boolean interrupted = Thread.interrupted();
        try {
            shell.getOutputStream().close(); // the writer ends with its standard input
        } catch (IOException e) {
            shell.descendants().forEach(ProcessHandle::destroyForcibly);
        }
        interrupted |= await(GENTLE);
        if (shell.isAlive()) {
            shell.descendants().forEach(ProcessHandle::destroyForcibly);
            shell.destroyForcibly();
            interrupted |= await(PATIENCE);
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** Waits for the end of the shell; tells whether it was interrupted meanwhile. */
    private boolean await(Duration patience) {
        boolean interrupted = false;
        long deadline = System.nanoTime() + patience.toNanos();
        while (shell.isAlive() && System.nanoTime() < deadline) {
            try {
                shell.waitFor(deadline - System.nanoTime(), TimeUnit.NANOSECONDS);
            } catch (InterruptedException e) {
                interrupted = true; // see the process gone before the interrupt is answered
            }
        }
        return interrupted;
    }

    private void listen() {
        try (BufferedReader lines = shell.inputReader(StandardCharsets.US_ASCII)) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                hear(line);
            }
            ready.completeExceptionally(new IOException("it ended at once"));
        } catch (Throwable e) { // the thread's top
            // Heard by whoever waits for the start; later, the end of the output says enough.
            ready.completeExceptionally(e);
        } finally {
            rates.end();
        }
    }

    private void hear(String line) {
        int first = line.indexOf(' ');
        String rest = line.substring(first + 1);
        switch (line.substring(0, Math.max(0, first))) {
            case "ready" -> {
                int space = rest.indexOf(' ');
                int dash = rest.indexOf('-');
                long start = Long.parseLong(rest, space + 1, dash, 16);
                long end = Long.parseLong(rest, dash + 1, rest.length(), 16);
                int pid = Integer.parseInt(rest, 0, space, 10);
                ready.complete(new Ready(pid, new AddressRange(start, end)));
            }
            case "rate" -> {
                int space = rest.indexOf(' ');
                rates.add(
                        Long.parseLong(rest, 0, space, 10),
                        Long.parseLong(rest, space + 1, rest.length(), 10));
            }
            default -> throw new IllegalArgumentException("the writer said: " + line);
        }
    }
}
