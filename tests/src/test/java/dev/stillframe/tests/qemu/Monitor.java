package dev.stillframe.tests.qemu;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.time.Duration;

/**
 * The tests' own word with QEMU's monitor (QEMU, {@code docs/interop/qmp-spec.txt}), independent of
 * the one that is tested. Owned by one thread; a test's timeout bounds its waits.
 */
final class Monitor implements AutoCloseable {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Duration MIGRATED_WITHIN = Duration.ofSeconds(60);

    private final SocketChannel channel;
    private final BufferedReader lines;

    private Monitor(SocketChannel channel) {
        this.channel = channel;
        lines = new BufferedReader(Channels.newReader(channel, UTF_8));
    }

    /** Connects, while nobody else is. */
    static Monitor of(Guest guest) throws IOException {
        return connect(guest.qmpSocket());
    }

    /** Connects to a monitor of the test's own. */
    static Monitor connect(Path socket) throws IOException {
        Monitor monitor = new Monitor(SocketChannel.open(UnixDomainSocketAddress.of(socket)));
        monitor.lines.readLine(); // the greeting
        monitor.execute("qmp_capabilities", "{}");
        return monitor;
    }

    /**
     * Runs a command and gives what it returns.
     *
     * @param arguments an object in JSON
     * @throws IOException if QEMU refuses it
     */
    JsonNode execute(String command, String arguments) throws IOException {
        String request = "{\"execute\": \"%s\", \"arguments\": %s}\n".formatted(command, arguments);
        ByteBuffer bytes = ByteBuffer.wrap(request.getBytes(UTF_8));
        while (bytes.hasRemaining()) {
            channel.write(bytes);
        }
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            JsonNode answer = JSON.readTree(line);
            if (answer.has("return")) {
                return answer.get("return");
            }
            if (answer.has("error")) {
                throw new IOException(request + answer.get("error"));
            }
        }
        throw new IOException("QEMU ended before it answered " + request);
    }

    /** Runs a command that moves the state, without RAM that is shared, and waits for its end. */
    void migrate(String command, String uri) throws IOException {
        execute(
                "migrate-set-capabilities",
                "{\"capabilities\": [{\"capability\": \"x-ignore-shared\", \"state\": true}]}");
        execute(command, "{\"uri\": \"%s\"}".formatted(uri));
        long deadline = System.nanoTime() + MIGRATED_WITHIN.toNanos();
        for (; ; ) {
            JsonNode progress = execute("query-migrate", "{}");
            String status = progress.path("status").asText();
            if (status.equals("completed")) {
                return;
            }
            if (status.equals("failed") || System.nanoTime() > deadline) {
                throw new IOException(command + " " + uri + ": " + progress);
            }
        }
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
