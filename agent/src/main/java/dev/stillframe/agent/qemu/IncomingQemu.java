package dev.stillframe.agent.qemu;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A QEMU that was started to take a machine in; it outlives this process. Owned by the thread that
 * started it.
 */
final class IncomingQemu {
    /** Where QEMU finds the stream; the first three descriptors are the user's. */
    static final String STREAM = "fd:9";

    private static final Duration START_PATIENCE = Duration.ofSeconds(60);
    private static final Duration END_PATIENCE = Duration.ofSeconds(1);
    private static final long POLL_MILLIS = 2;

    /** QEMU in our place: no process remains between. */
    private static final String DIRECTLY = "exec 9<\"$0\"; exec \"$@\"";

    private static final String ASIDE = "exec 1>&2; ";

    /**
     * A shell stays its parent, because what is to be traced must not be our child; input would be
     * lost in the background.
     */
    private static final String BEHIND_A_SHELL =
            "exec 9<\"$0\" 8<&0; \"$@\" <&8 8<&- & exec 8<&- 9<&-; wait $!";

    private final Process process;
    private final Path socket;
    private final long begin;
    private @Nullable ProcessHandle qemu;

    private IncomingQemu(Process process, Path socket, long begin) {
        this.process = process;
        this.socket = socket;
        this.begin = begin;
    }

    /**
     * Where it runs.
     *
     * @param behindShell whether it must not be our child
     * @param aside whether its standard output is our standard error
     */
    record Place(boolean behindShell, boolean aside) {}

    /**
     * Starts it, with our standard input and output.
     *
     * @param socket where the arguments have it listen for QMP
     */
    static IncomingQemu start(QemuArguments arguments, Path stream, Path socket, Place place)
            throws IOException {
        List<String> command = new ArrayList<>();
        String script =
                (place.aside() ? ASIDE : "") + (place.behindShell() ? BEHIND_A_SHELL : DIRECTLY);
        command.addAll(List.of("/bin/sh", "-c", script, stream.toString()));
        command.addAll(arguments.words());
        long begin = System.nanoTime();
        return new IncomingQemu(new ProcessBuilder(command).inheritIO().start(), socket, begin);
    }

    /** The value of {@code -qmp} for a socket. */
    static String listening(Path socket) {
        return "unix:" + OptionText.quoted(socket.toString()) + ",server=on,wait=off";
    }

    /** QEMU, or the shell that waits for it and ends as it does. */
    Process process() {
        return process;
    }

    /** Since the start. */
    long nanos() {
        return System.nanoTime() - begin;
    }

    /** Waits until it answers. */
    Qmp connect() throws IOException {
        Qmp.prepare(); // while QEMU starts
        while (!Files.exists(socket)) {
            if (!process.isAlive()) {
                throw new IOException("QEMU ended before it answered");
            }
            pause();
        }
        Qmp qmp = Qmp.connect(socket, START_PATIENCE);
        qemu = qmp.peer().isPresent() ? ProcessHandle.of(qmp.peer().getAsInt()).orElse(null) : null;
        return qmp;
    }

    /**
     * Reading the stream ends with the machine paused, or QEMU gives up and says why on standard
     * error.
     */
    void awaitLoaded(Qmp qmp) throws IOException {
        while (qmp.execute("query-status").path("status").asText().equals("inmigrate")) {
            pause();
        }
    }

    /**
     * The reason, if it is that QEMU ended: its own message says more than the end of the
     * connection.
     */
    IOException ended(IOException seen) {
        try {
            if (process.waitFor(END_PATIENCE.toMillis(), TimeUnit.MILLISECONDS)) {
                return new IOException(
                        "QEMU ended with exit code %d before the machine ran; its own message is above"
                                .formatted(process.exitValue()),
                        seen);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        return seen;
    }

    /** Ends it. */
    void kill() {
        if (qemu != null) {
            qemu.destroyForcibly();
        }
        process.descendants().forEach(ProcessHandle::destroyForcibly);
        process.destroyForcibly();
    }

    /** Ends the shell, if there is one; QEMU goes on. */
    void leave() {
        if (qemu != null && qemu.pid() != process.pid()) {
            process.destroyForcibly();
        }
    }

    private void pause() throws IOException {
        if (nanos() > START_PATIENCE.toNanos()) {
            throw new IOException(
                    "QEMU did not run within %d s".formatted(START_PATIENCE.toSeconds()));
        }
        try {
            TimeUnit.MILLISECONDS.sleep(POLL_MILLIS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw (IOException)
                    new InterruptedIOException("interrupted while QEMU starts").initCause(e);
        }
    }
}
