package dev.stillframe.agent.qemu;

import dev.stillframe.engine.process.TargetException;
import dev.stillframe.engine.thread.Role;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Sees to it that a machine does not stand for ever if we are killed while it stands: a process of
 * its own that holds one end of a pipe, and lets the machine go on when the other end closes with
 * the machine standing. It also takes back the overlays that we would have. Started before the
 * stop; ends with us.
 */
final class Guardian implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Guardian.class);
    private static final Duration START_PATIENCE = Duration.ofSeconds(30);
    private static final Duration END_PATIENCE = Duration.ofSeconds(10);

    /** QEMU takes a new client when it has noticed that the last has gone. */
    private static final Duration REACH_PATIENCE = Duration.ofSeconds(5);

    private static final int ATTEMPTS = 12;

    private static final String NICE = "10";

    private static final int READY = 'r';
    private static final int STOPPING = 's';
    private static final int RUNNING = 'c';
    private static final int OVERLAYS = 'o';
    private static final int KEEP = 'k';

    private final Process process;

    private Guardian(Process process) {
        this.process = process;
    }

    /** In a session of its own, so that a Ctrl-C does not reach it. */
    static Guardian start(Path socket) throws IOException {
        Process process =
                new ProcessBuilder(
                                List.of(
                                        "nice", // the machine is not to notice its start
                                        "-n",
                                        NICE,
                                        "setsid",
                                        Path.of(System.getProperty("java.home"), "bin", "java")
                                                .toString(),
                                        "-XX:+UseSerialGC",
                                        "-XX:TieredStopAtLevel=1",
                                        "-Xmx32m",
                                        "--enable-native-access=ALL-UNNAMED",
                                        "--sun-misc-unsafe-memory-access=allow",
                                        "-cp",
                                        System.getProperty("java.class.path"),
                                        Guardian.class.getName(),
                                        socket.toAbsolutePath().toString()))
                        .redirectError(ProcessBuilder.Redirect.INHERIT)
                        .start();
        return new Guardian(process);
    }

    /** Waits until it watches. */
    void awaitReady() throws IOException {
        Thread killer =
                Role.GUARDIAN_START.start(
                        () -> {
                            try {
                                Thread.sleep(START_PATIENCE);
                                process.destroyForcibly();
                            } catch (InterruptedException e) {
                                Thread.currentThread().interrupt(); // it is ready
                            }
                        });
        try {
            if (process.getInputStream().read() != READY) {
                throw new TargetException(
                        "the process that lets the machine go on if this one is killed did not start; see its message above");
            }
        } finally {
            killer.interrupt();
        }
    }

    /**
     * Overlays of QEMU's process {@code pid} that are to be gone with us, unless they are to be
     * kept.
     */
    void mayTakeBack(int pid, List<Overlay> overlays) throws IOException {
        ByteArrayOutputStream words = new ByteArrayOutputStream();
        DataOutputStream out = new DataOutputStream(words);
        out.writeByte(OVERLAYS);
        out.writeInt(pid);
        out.writeInt(overlays.size());
        for (Overlay overlay : overlays) {
            out.writeUTF(overlay.device());
            out.writeUTF(overlay.below());
            out.writeUTF(overlay.file());
        }
        process.getOutputStream().write(words.toByteArray());
        process.getOutputStream().flush();
    }

    /** The overlays are taken back by us, or belong to an image. */
    void keepOverlays() throws IOException {
        tell(KEEP);
    }

    /** The machine is about to be stopped. */
    void stopping() throws IOException {
        tell(STOPPING);
    }

    /** The machine runs again. */
    void running() throws IOException {
        tell(RUNNING);
    }

    private void tell(int state) throws IOException {
        OutputStream out = process.getOutputStream();
        out.write(state);
        out.flush();
    }

    @Override
    public void close() {
        try {
            process.getOutputStream().close();
            if (!process.waitFor(END_PATIENCE.toNanos(), TimeUnit.NANOSECONDS)) {
                process.destroyForcibly();
            }
        } catch (IOException e) {
            process.destroyForcibly();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt(); // it ends by itself
        }
    }

    /**
     * The guardian's process: the socket is its argument, what happens comes on its standard input.
     */
    public static void main(String[] args) throws IOException, InterruptedException {
        System.out.write(READY);
        System.out.flush();
        boolean standing = false;
        int pid = 0;
        List<Overlay> overlays = new ArrayList<>();
        try (DataInputStream in = new DataInputStream(System.in)) {
            for (int word = in.read(); word >= 0; word = in.read()) {
                switch (word) {
                    case OVERLAYS -> {
                        pid = in.readInt();
                        for (int left = in.readInt(); left > 0; left--) {
                            overlays.add(new Overlay(in.readUTF(), in.readUTF(), in.readUTF()));
                        }
                    }
                    case KEEP -> overlays.clear();
                    default -> standing = word == STOPPING;
                }
            }
        }
        if (standing || !overlays.isEmpty()) {
            setRight(Path.of(args[0]), standing, pid, overlays);
        }
    }

    private static void setRight(Path socket, boolean standing, int pid, List<Overlay> overlays)
            throws InterruptedException {
        for (int attempt = 1; attempt <= ATTEMPTS; attempt++) {
            try (Qmp qmp = Qmp.connect(socket, REACH_PATIENCE)) {
                if (standing && !qmp.execute("query-status").path("running").asBoolean()) {
                    qmp.execute("cont");
                    LOG.warn("the snapshot was killed while the machine stood; it was let go on");
                }
                for (Overlay overlay : overlays) {
                    overlay.takeBack(qmp, pid);
                    LOG.warn("the snapshot was killed; overlay {} was taken back", overlay.file());
                }
                return;
            } catch (IOException e) {
                LOG.warn(
                        "attempt {} of {} to leave the machine as it was: {}",
                        attempt,
                        ATTEMPTS,
                        e.getMessage());
                Thread.sleep(Duration.ofMillis(200L * attempt));
            }
        }
    }
}
