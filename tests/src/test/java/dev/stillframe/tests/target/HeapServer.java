package dev.stillframe.tests.target;

import java.io.IOException;
import java.io.OutputStream;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/**
 * A JVM that keeps values on its heap: a request is the four bytes of a key, upon which the key
 * gets a new value, and its answer is one byte. One client is served after the other.
 */
public final class HeapServer {
    /** What each request is answered with. */
    public static final byte ANSWER = '+';

    private static final int BUFFER_BYTES = 1 << 16;

    private HeapServer() {}

    /** Listens on a Unix socket, for values of so many bytes; ends with its input. */
    public static void main(String[] arguments) throws IOException {
        int valueBytes = Integer.parseInt(arguments[1]);
        Thread.ofPlatform().daemon().name("end of input").start(HeapServer::endWithInput);
        Map<Integer, byte[]> values = new HashMap<>();
        try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            server.bind(UnixDomainSocketAddress.of(Path.of(arguments[0])));
            while (true) {
                try (SocketChannel client = server.accept()) {
                    serve(client, values, valueBytes);
                }
            }
        }
    }

    private static void serve(SocketChannel client, Map<Integer, byte[]> values, int valueBytes)
            throws IOException {
        ByteBuffer in = ByteBuffer.allocateDirect(BUFFER_BYTES);
        ByteBuffer out = ByteBuffer.allocateDirect(BUFFER_BYTES / Integer.BYTES);
        while (client.read(in) >= 0) {
            in.flip();
            out.clear();
            while (in.remaining() >= Integer.BYTES) {
                int key = in.getInt();
                byte[] value = new byte[valueBytes];
                Arrays.fill(value, (byte) (key | 1));
                values.put(key, value);
                out.put(ANSWER);
            }
            in.compact();
            out.flip();
            while (out.hasRemaining()) {
                client.write(out);
            }
        }
    }

    private static void endWithInput() {
        try {
            System.in.transferTo(OutputStream.nullOutputStream());
        } catch (IOException e) {
            System.out.println("FAIL " + e);
        }
        Runtime.getRuntime().halt(0);
    }
}
