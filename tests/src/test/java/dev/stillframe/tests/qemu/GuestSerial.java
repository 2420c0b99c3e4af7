package dev.stillframe.tests.qemu;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import dev.stillframe.tests.target.TargetProcess;
import java.io.BufferedReader;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.AsynchronousCloseException;
import java.nio.channels.Channels;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * The other end of a guest's serial port: a Unix socket to which QEMU connects when it starts, so
 * that no line is lost. A thread of its own reads it until QEMU ends. Thread-safe.
 */
final class GuestSerial implements AutoCloseable {
    private static final int LINES_MAX = 40;
    private static final int REPORTS_MAX = 100_000; // almost three hours
    private static final Duration LOOK_EVERY = Duration.ofMillis(100);
    private static final Duration END_WITHIN = Duration.ofSeconds(10);

    private final ServerSocketChannel server;
    private final Thread reader;
    private final Deque<String> lines = new ArrayDeque<>();
    private final Deque<LoadReport> reports = new ArrayDeque<>();
    private boolean connected;
    private boolean ended;
    private boolean broken;

    private GuestSerial(ServerSocketChannel server) {
        this.server = server;
        reader = Thread.ofPlatform().daemon().name("serial port of a guest").unstarted(this::read);
    }

    /** Listens. */
    static GuestSerial listen(Path socket) throws IOException {
        ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        try {
            server.bind(UnixDomainSocketAddress.of(socket));
        } catch (IOException e) {
            server.close();
            throw e;
        }
        GuestSerial serial = new GuestSerial(server);
        serial.reader.start();
        return serial;
    }

    /**
     * Waits until something is true of the port, or cannot come any more.
     *
     * @param process what runs QEMU
     * @return whether it is true
     */
    synchronized boolean await(
            Predicate<GuestSerial> condition, TargetProcess process, Duration within)
            throws InterruptedException {
        long deadline = System.nanoTime() + within.toNanos();
        while (!condition.test(this)) {
            if (deadline - System.nanoTime() <= 0 || ended || broken || !process.isAlive()) {
                return false;
            }
            wait(LOOK_EVERY.toMillis()); // a QEMU that ended before it connected wakes nobody
        }
        return true;
    }

    synchronized boolean isConnected() {
        return connected;
    }

    synchronized boolean isBroken() {
        return broken;
    }

    /** The newest report; null before the first. */
    synchronized @Nullable LoadReport newest() {
        return reports.peekLast();
    }

    /** Oldest first. */
    synchronized List<LoadReport> reports() {
        return new ArrayList<>(reports);
    }

    /** The last lines, whatever they are. */
    synchronized String tail() {
        return String.join("\n", lines);
    }

    /** Call it when QEMU has ended. */
    @Override
    public void close() throws IOException {
        server.close();
        try {
            if (!reader.join(END_WITHIN)) {
                throw new IOException("the serial port is still open; who else has it?");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt(); // a daemon thread, and nothing left to read
        }
    }

    private void read() {
        try (SocketChannel channel = server.accept();
                BufferedReader text =
                        new BufferedReader(
                                Channels.newReader(channel, ISO_8859_1.newDecoder(), -1))) {
            connect();
            for (String line = text.readLine(); line != null; line = text.readLine()) {
                add(line, System.nanoTime());
            }
        } catch (AsynchronousCloseException e) {
            add("QEMU did not connect", System.nanoTime());
        } catch (IOException e) {
            add(e.toString(), System.nanoTime());
        } finally {
            end();
        }
    }

    private synchronized void connect() {
        connected = true;
        notifyAll();
    }

    private synchronized void end() {
        ended = true;
        notifyAll();
    }

    private synchronized void add(String line, long hostNanos) {
        lines.add(line);
        if (lines.size() > LINES_MAX) {
            lines.remove();
        }
        broken |= line.startsWith("BROKEN");
        LoadReport report = LoadReport.parse(line, hostNanos);
        if (report != null) {
            reports.add(report);
            if (reports.size() > REPORTS_MAX) {
                reports.remove();
            }
        }
        notifyAll();
    }
}
