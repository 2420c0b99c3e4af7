package dev.stillframe.agent.qemu;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** Answers QMP as it was told to; a command that it was not told of is an error, as with QEMU. */
final class FakeQemu implements AutoCloseable {
    static final String GREETING =
            "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 22, \"minor\": 2, \"major\": 7}, \"package\": \"Debian\"},"
                    + " \"capabilities\": []}}\n";

    private static final JsonMapper JSON = new JsonMapper();

    private final Path directory = Files.createTempDirectory("fake-qemu");
    private final ServerSocketChannel server =
            ServerSocketChannel.open(StandardProtocolFamily.UNIX);
    private final Map<String, String> answers =
            new ConcurrentHashMap<>(Map.of("qmp_capabilities", "{}"));
    private final String greeting;

    FakeQemu(String greeting) throws IOException {
        this.greeting = greeting;
        server.bind(UnixDomainSocketAddress.of(socket()));
        Thread.ofPlatform().name("fake-qemu").daemon().start(this::serve);
    }

    Path socket() {
        return directory.resolve("qmp");
    }

    /**
     * Answers {@code command}, or that line for the human monitor, with {@code value}, a JSON text.
     */
    FakeQemu on(String command, String value) {
        answers.put(command, value);
        return this;
    }

    FakeQemu onLine(String line, String text) {
        return on(line, JSON.valueToTree(text).toString());
    }

    private void serve() {
        try (SocketChannel client = server.accept();
                BufferedReader lines = new BufferedReader(Channels.newReader(client, UTF_8))) {
            write(client, greeting);
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                answer(client, JSON.readTree(line));
            }
        } catch (IOException e) {
            if (server.isOpen()) {
                throw new UncheckedIOException(e);
            }
        }
    }

    private void answer(SocketChannel client, JsonNode request) throws IOException {
        String command = request.path("execute").asText();
        String key =
                command.equals("human-monitor-command")
                        ? request.path("arguments").path("command-line").asText()
                        : command;
        String value = answers.get(key);
        if ("silence".equals(value)) {
            return;
        }
        if ("hang up".equals(value)) {
            client.close();
            return;
        }
        write(
                client,
                "{\"event\": \"STOP\", \"timestamp\": {\"seconds\": 1, \"microseconds\": 2}}\n");
        ObjectNode reply = JSON.createObjectNode();
        if (value == null) {
            reply.putObject("error")
                    .put("class", "CommandNotFound")
                    .put("desc", key + " has not been found");
        } else {
            reply.set("return", JSON.readTree(value));
        }
        reply.set("id", request.get("id"));
        write(client, reply + "\n");
    }

    private static void write(SocketChannel client, String text) throws IOException {
        ByteBuffer bytes = ByteBuffer.wrap(text.getBytes(UTF_8));
        while (bytes.hasRemaining()) {
            client.write(bytes);
        }
    }

    @Override
    public void close() throws IOException {
        server.close();
        Files.deleteIfExists(socket());
        Files.deleteIfExists(directory);
    }
}
