package dev.stillframe.tests.bench;

import static java.nio.charset.StandardCharsets.US_ASCII;

import dev.stillframe.tests.target.HeapServer;
import dev.stillframe.tests.target.JavaCommand;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.List;

/**
 * A server that is captured under load: how to start it, and what one request is, which writes the
 * value of a key. It is filled by a request for each key. Immutable.
 */
sealed interface Subject {
    /** What each value holds. */
    int VALUE_BYTES = 512;

    /** In the names of figures. */
    String program();

    int keys();

    int requestsPerSecond();

    /** Starts it, listening on that Unix socket; what it may write goes to {@code directory}. */
    List<String> command(Path socket, Path directory);

    /** Writes a request. */
    void put(ByteBuffer out, int key);

    /** What every request is answered with. */
    byte[] answer();

    default String name() {
        return "%s_%dk_keys_%d_per_s".formatted(program(), keys() / 1000, requestsPerSecond());
    }

    /** Redis, without images of its own but when it is asked for one. */
    record Redis(int keys, int requestsPerSecond) implements Subject {
        private static final byte[] ANSWER = "+OK\r\n".getBytes(US_ASCII);
        private static final byte[] HEAD = "*3\r\n$3\r\nSET\r\n$".getBytes(US_ASCII);
        private static final byte[] KEY = "key:".getBytes(US_ASCII);
        private static final byte[] TAIL =
                "\r\n$%d\r\n%s\r\n"
                        .formatted(VALUE_BYTES, "v".repeat(VALUE_BYTES))
                        .getBytes(US_ASCII);

        @Override
        public String program() {
            return "redis";
        }

        @Override
        public List<String> command(Path socket, Path directory) {
            return List.of(
                    "redis-server",
                    "--port",
                    "0",
                    "--unixsocket",
                    socket.toString(),
                    "--save",
                    "",
                    "--dir",
                    directory.toString());
        }

        @Override
        public void put(ByteBuffer out, int key) {
            out.put(HEAD);
            Digits.put(out, KEY.length + Digits.count(key));
            out.put((byte) '\r').put((byte) '\n').put(KEY);
            Digits.put(out, key);
            out.put(TAIL);
        }

        @Override
        public byte[] answer() {
            return ANSWER;
        }
    }

    /** Memcached with as many threads as it has by itself, and room for all values. */
    record Memcached(int keys, int requestsPerSecond) implements Subject {
        private static final byte[] ANSWER = "STORED\r\n".getBytes(US_ASCII);
        private static final byte[] HEAD = "set key:".getBytes(US_ASCII);
        private static final byte[] TAIL =
                " 0 0 %d\r\n%s\r\n"
                        .formatted(VALUE_BYTES, "v".repeat(VALUE_BYTES))
                        .getBytes(US_ASCII);

        @Override
        public String program() {
            return "memcached";
        }

        @Override
        public List<String> command(Path socket, Path directory) {
            return List.of("memcached", "-u", "root", "-m", "4096", "-s", socket.toString());
        }

        @Override
        public void put(ByteBuffer out, int key) {
            out.put(HEAD);
            Digits.put(out, key);
            out.put(TAIL);
        }

        @Override
        public byte[] answer() {
            return ANSWER;
        }
    }

    /** A JVM with its values on the heap, of which they take some 40 in 100. */
    record Jvm(int keys, int requestsPerSecond) implements Subject {
        private static final byte[] ANSWER = {HeapServer.ANSWER};

        @Override
        public String program() {
            return "jvm";
        }

        @Override
        public List<String> command(Path socket, Path directory) {
            return JavaCommand.of(
                    HeapServer.class,
                    List.of("-XX:+UseG1GC", "-Xms1536m", "-Xmx1536m"),
                    List.of(socket.toString(), Integer.toString(VALUE_BYTES)));
        }

        @Override
        public void put(ByteBuffer out, int key) {
            out.putInt(key);
        }

        @Override
        public byte[] answer() {
            return ANSWER;
        }
    }
}
