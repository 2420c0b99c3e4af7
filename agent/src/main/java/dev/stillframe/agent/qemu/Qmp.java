package dev.stillframe.agent.qemu;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.stillframe.engine.linux.Inbox;
import dev.stillframe.transport.net.NetworkTransport;
import io.netty.bootstrap.Bootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufInputStream;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.epoll.EpollDomainSocketChannel;
import io.netty.channel.unix.UnixChannel;
import io.netty.handler.codec.json.JsonObjectDecoder;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.net.UnixDomainSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A connection to QEMU's machine protocol. Thread-safe: commands are answered in the order in which
 * they were sent. Has a thread {@code stillframe-qmp} until it is closed. Source: QEMU,
 * docs/interop/qmp-spec.rst.
 *
 * <p>QEMU answers from its main loop, which may be waiting for a page that we protect: a thread
 * that resolves faults must never wait here.
 */
public final class Qmp implements AutoCloseable {
    /**
     * No answer that is asked for here comes near; the list of all commands has some tens of
     * kilobytes.
     */
    private static final int MAX_MESSAGE_BYTES = 16 << 20;

    private static final JsonMapper JSON = new JsonMapper();

    private final Path socket;
    private final Duration patience;
    private final EventLoopGroup group;
    private final CompletableFuture<JsonNode> greeting = new CompletableFuture<>();
    private final Map<Long, CompletableFuture<JsonNode>> waiting = new ConcurrentHashMap<>();
    private final Set<String> events = ConcurrentHashMap.newKeySet();
    private final AtomicLong ids = new AtomicLong();
    private final Channel channel;

    private Qmp(Path socket, Duration patience) throws IOException {
        this.socket = socket;
        this.patience = patience;
        NetworkTransport transport = NetworkTransport.chosen();
        UnixDomainSocketAddress address = UnixDomainSocketAddress.of(socket);
        group = transport.group(1, "qmp");
        ChannelFuture connected =
                new Bootstrap()
                        .group(group)
                        .channel(transport.channel(address))
                        .option(ChannelOption.CONNECT_TIMEOUT_MILLIS, (int) patience.toMillis())
                        .handler(
                                new ChannelInitializer<Channel>() {
                                    @Override
                                    protected void initChannel(Channel connection) {
                                        connection
                                                .pipeline()
                                                .addLast(
                                                        new JsonObjectDecoder(MAX_MESSAGE_BYTES),
                                                        new Messages());
                                    }
                                })
                        .connect(transport.address(address))
                        .awaitUninterruptibly();
        channel = connected.channel();
        if (!connected.isSuccess()) {
            close();
            throw new IOException(
                    "no connection to QEMU at %s: %s; start QEMU with -qmp unix:%s,server=on,wait=off"
                            .formatted(socket, connected.cause().getMessage(), socket),
                    connected.cause());
        }
    }

    /**
     * Connects, and is then ready for commands.
     *
     * @param patience how long any answer may take
     * @throws IOException if nobody listens, or QEMU does not greet: it talks to one client at a
     *     time
     */
    public static Qmp connect(Path socket, Duration patience) throws IOException {
        Qmp qmp = new Qmp(socket, patience);
        boolean ready = false;
        try {
            qmp.await(
                    qmp.greeting,
                    "greet; another client may be connected to this socket (QEMU takes one at a time: give it a"
                            + " second -qmp)");
            qmp.execute("qmp_capabilities");
            ready = true;
            return qmp;
        } finally {
            if (!ready) {
                qmp.close();
            }
        }
    }

    /** Loads what a connection needs, so that the first one is made at once. */
    static void prepare() {
        NetworkTransport.chosen().group(1, "qmp").shutdownGracefully(0, 1, TimeUnit.SECONDS);
        JSON.createObjectNode();
    }

    /**
     * The process that listens at the other end; empty if the kernel does not tell, or it is not to
     * be seen from here.
     */
    public OptionalInt peer() throws IOException {
        if (channel instanceof EpollDomainSocketChannel unix) {
            int pid = unix.peerCredentials().pid();
            return pid > 0 ? OptionalInt.of(pid) : OptionalInt.empty();
        }
        return OptionalInt.empty();
    }

    /** What QEMU calls itself, {@code QEMU 7.2.22 (Debian 1:7.2+dfsg-7)}. */
    public String version() throws IOException {
        JsonNode version = await(greeting, "greet").path("QMP").path("version");
        JsonNode number = version.path("qemu");
        String text =
                "QEMU %d.%d.%d"
                        .formatted(
                                number.path("major").asInt(),
                                number.path("minor").asInt(),
                                number.path("micro").asInt());
        String distribution = version.path("package").asText();
        return distribution.isEmpty() ? text : text + " (" + distribution + ")";
    }

    /**
     * Executes a command without arguments.
     *
     * @return what QEMU returns
     * @throws QmpException if QEMU refuses it
     * @throws IOException if the connection is lost, or the answer does not come in time
     */
    public JsonNode execute(String command) throws IOException {
        return execute(command, Map.of());
    }

    /** The same with arguments, which become JSON. */
    public JsonNode execute(String command, Map<String, ?> arguments) throws IOException {
        return execute(command, arguments, this::send);
    }

    /**
     * A command without arguments that comes with a descriptor: QEMU may write {@code file} from
     * then on.
     */
    JsonNode execute(String command, Inbox file) throws IOException {
        if (!(channel instanceof UnixChannel unix)) {
            throw new IOException(
                    "no descriptor can be sent to QEMU at %s by Java's own sockets: use a 64-bit Linux on x86 or ARM with glibc"
                            .formatted(socket));
        }
        return execute(command, Map.of(), (text, answer) -> sendWith(unix, file, text, answer));
    }

    /** How a command gets on its way; the answer fails if it does not. */
    private interface Sending {
        void send(byte[] text, CompletableFuture<JsonNode> answer);
    }

    private void send(byte[] text, CompletableFuture<JsonNode> answer) {
        channel.writeAndFlush(Unpooled.wrappedBuffer(text))
                .addListener(
                        sent -> {
                            if (!sent.isSuccess()) {
                                answer.completeExceptionally(sent.cause());
                            }
                        });
    }

    /**
     * Past the channel, on its thread: what was sent before has been answered, so nothing of it is
     * waiting there.
     */
    private static void sendWith(
            UnixChannel unix, Inbox file, byte[] text, CompletableFuture<JsonNode> answer) {
        unix.eventLoop()
                .execute(
                        () -> {
                            try {
                                file.sendWith(unix.fd().intValue(), text);
                            } catch (Throwable e) { // the event loop would only log it
                                answer.completeExceptionally(e);
                            }
                        });
    }

    private JsonNode execute(String command, Map<String, ?> arguments, Sending sending)
            throws IOException {
        long id = ids.incrementAndGet();
        ObjectNode message = JSON.createObjectNode().put("execute", command);
        if (!arguments.isEmpty()) {
            message.set("arguments", JSON.valueToTree(arguments));
        }
        message.put("id", id);
        CompletableFuture<JsonNode> answer = new CompletableFuture<>();
        waiting.put(id, answer);
        try {
            sending.send(
                    (JSON.writeValueAsString(message) + "\n").getBytes(StandardCharsets.UTF_8),
                    answer);
            JsonNode reply = await(answer, "answer " + command);
            if (reply.has("error")) {
                JsonNode error = reply.path("error");
                throw new QmpException(
                        command, error.path("class").asText(), error.path("desc").asText());
            }
            return reply.path("return");
        } finally {
            waiting.remove(id);
        }
    }

    /**
     * A line for the human monitor, where the machine protocol has no command; the text that it
     * prints.
     */
    String monitor(String line) throws IOException {
        return execute("human-monitor-command", Map.of("command-line", line)).asText();
    }

    /** Whether QEMU has told of such an event since the connection began. */
    boolean hasSeen(String event) {
        return events.contains(event);
    }

    private JsonNode await(CompletableFuture<JsonNode> answer, String what) throws IOException {
        try {
            return answer.get(patience.toNanos(), TimeUnit.NANOSECONDS);
        } catch (ExecutionException e) {
            Throwable cause = e.getCause() == null ? e : e.getCause();
            throw new IOException(
                    "QEMU at %s did not %s: %s".formatted(socket, what, cause.getMessage()), cause);
        } catch (TimeoutException e) {
            throw new IOException(
                    "QEMU at %s did not %s within %d s"
                            .formatted(socket, what, patience.toSeconds()),
                    e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw (IOException)
                    new InterruptedIOException("interrupted while waiting for QEMU").initCause(e);
        }
    }

    private void fail(IOException cause) {
        greeting.completeExceptionally(cause);
        waiting.values().forEach(answer -> answer.completeExceptionally(cause));
    }

    @Override
    public void close() {
        channel.close();
        group.shutdownGracefully(0, patience.toMillis(), TimeUnit.MILLISECONDS);
    }

    /** On the thread of the connection. */
    private final class Messages extends SimpleChannelInboundHandler<ByteBuf> {
        @Override
        protected void channelRead0(ChannelHandlerContext context, ByteBuf text)
                throws IOException {
            JsonNode message;
            try (InputStream in = new ByteBufInputStream(text)) {
                message = JSON.readTree(in);
            }
            if (message.has("QMP")) {
                greeting.complete(message);
            } else if (message.has("event")) {
                events.add(message.path("event").asText());
            } else {
                CompletableFuture<JsonNode> answer = waiting.get(message.path("id").asLong(-1));
                if (answer != null) { // nobody waits any more
                    answer.complete(message);
                }
            }
        }

        @Override
        public void channelInactive(ChannelHandlerContext context) {
            fail(new IOException("QEMU closed the connection"));
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
            fail(new IOException(String.valueOf(cause.getMessage()), cause));
            context.close();
        }
    }
}
