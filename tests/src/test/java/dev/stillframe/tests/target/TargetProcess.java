package dev.stillframe.tests.target;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * A process that a test started and that ends with it. What it prints is kept for the test; its
 * standard input is a pipe, and the programs in {@code tests/src/test/c} end when it closes.
 * Thread-safe.
 */
public final class TargetProcess implements AutoCloseable {
    private static final Duration READY_WITHIN = Duration.ofSeconds(60);
    private static final Duration END_WITHIN = Duration.ofSeconds(60);
    private static final String END_OF_OUTPUT = "end of output";

    /**
     * A shell in between, so that the target is no child of this JVM: the JVM waits for its
     * children, and such a wait takes the reports of a tracer in the same process away (wait(2),
     * {@code __WNOTHREAD}).
     */
    private static final String START_AS_GRANDCHILD =
            "exec 3<&0; sh -c 'echo $$; exec \"$@\"' sh \"$@\" <&3 3<&- &"
                    + " exec 0</dev/null 3<&-; wait $!";

    private final Process shell;
    private final ProcessHandle process;
    private final String name;
    private final BlockingQueue<String> lines = new LinkedBlockingQueue<>();
    private final Thread reader;

    private TargetProcess(
            Process shell, BufferedReader output, ProcessHandle process, String name) {
        this.shell = shell;
        this.process = process;
        this.name = name;
        reader =
                Thread.ofPlatform()
                        .daemon()
                        .name("output of " + name)
                        .start(() -> readLines(output));
    }

    /** Starts a command. */
    public static TargetProcess start(List<String> command) throws IOException {
        List<String> wrapped = new ArrayList<>(List.of("sh", "-c", START_AS_GRANDCHILD, "sh"));
        wrapped.addAll(command);
        Process shell = new ProcessBuilder(wrapped).redirectErrorStream(true).start();
        BufferedReader output = shell.inputReader(UTF_8);
        String pid = output.readLine();
        ProcessHandle process = ProcessHandle.of(Long.parseLong(pid)).orElseThrow();
        return new TargetProcess(
                shell, output, process, Path.of(command.getFirst()).getFileName().toString());
    }

    /** Starts a program of {@code tests/src/test/c}. */
    public static TargetProcess startNative(String program, List<String> arguments)
            throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(NativeProgram.of(program).toString()));
        command.addAll(arguments);
        return start(command);
    }

    /** Process id. */
    public int pid() {
        return Math.toIntExact(process.pid());
    }

    /** Whether it still runs. */
    public boolean isAlive() {
        return process.isAlive();
    }

    /**
     * Waits for the line that begins with {@code ready} and gives its {@code name=number} facts.
     */
    public Map<String, Long> awaitReady() throws InterruptedException, TimeoutException {
        return awaitFacts("ready");
    }

    /** The same of a line that contains {@code words}. */
    public Map<String, Long> awaitFacts(String words)
            throws InterruptedException, TimeoutException {
        String line = awaitLine(words);
        Map<String, Long> facts = new HashMap<>();
        for (String fact : line.split(" ", -1)) {
            int equals = fact.indexOf('=');
            if (equals > 0) {
                facts.put(fact.substring(0, equals), Long.parseLong(fact.substring(equals + 1)));
            }
        }
        return facts;
    }

    /**
     * Waits for a line that contains {@code words}.
     *
     * @throws TimeoutException if it does not come, with all that came instead
     */
    public String awaitLine(String words) throws InterruptedException, TimeoutException {
        StringBuilder seen = new StringBuilder();
        long deadline = System.nanoTime() + READY_WITHIN.toNanos();
        for (; ; ) {
            String line = lines.poll(deadline - System.nanoTime(), TimeUnit.NANOSECONDS);
            if (line == null || line.equals(END_OF_OUTPUT)) {
                throw new TimeoutException(
                        "%s did not print '%s' but:%n%s".formatted(name, words, seen));
            }
            if (line.contains(words)) {
                return line;
            }
            seen.append(line).append('\n');
        }
    }

    /** The next line it prints. */
    public String nextLine() throws InterruptedException, TimeoutException {
        return awaitLine("");
    }

    /** What it has printed and nobody has asked for yet. */
    public List<String> unread() {
        return List.copyOf(lines);
    }

    /** Writes a line to its standard input. */
    public void writeLine(String line) throws IOException {
        shell.getOutputStream().write((line + "\n").getBytes(UTF_8));
        shell.getOutputStream().flush();
    }

    /** Asks it to end (SIGTERM) without waiting. */
    public void terminate() {
        process.destroy();
    }

    /** Kills it (SIGKILL) without waiting. */
    public void kill() {
        process.destroyForcibly();
    }

    /** Waits for its end and gives its exit status; a signal's number + 128 if one killed it. */
    public int awaitExit() throws InterruptedException, TimeoutException {
        if (!shell.waitFor(END_WITHIN.toSeconds(), TimeUnit.SECONDS)) {
            throw new TimeoutException(name + " does not end");
        }
        return shell.exitValue();
    }

    /** Kills it and waits until it is gone, so that nothing of it is left for the next test. */
    @Override
    public void close() {
        process.descendants().forEach(ProcessHandle::destroyForcibly);
        process.destroyForcibly();
        boolean interrupted = false;
        for (; ; ) {
            try {
                if (!shell.waitFor(END_WITHIN.toSeconds(), TimeUnit.SECONDS)) {
                    throw new AssertionError(name + " survives SIGKILL");
                }
                reader.join(END_WITHIN);
                break;
            } catch (InterruptedException e) {
                interrupted = true; // the process must not outlive the test all the same
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private void readLines(BufferedReader output) {
        try (BufferedReader reader = output) {
            for (String line = reader.readLine(); line != null; line = reader.readLine()) {
                lines.add(line);
            }
        } catch (IOException e) {
            if (process.isAlive()) {
                throw new UncheckedIOException(e);
            }
        } finally {
            lines.add(END_OF_OUTPUT);
        }
    }
}
