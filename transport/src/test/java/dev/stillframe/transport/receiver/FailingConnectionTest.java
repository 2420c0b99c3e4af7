package dev.stillframe.transport.receiver;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.transport.Fault;
import dev.stillframe.transport.MemorySink;
import dev.stillframe.transport.security.Credentials;
import dev.stillframe.transport.wire.BatchBuffer;
import dev.stillframe.transport.wire.ErrorCode;
import dev.stillframe.transport.wire.Message;
import dev.stillframe.transport.wire.ProtocolException;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.util.ReferenceCountUtil;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * What fails on an event loop beside what it reads ends the connection, and its party hears of it.
 */
@Timeout(30)
class FailingConnectionTest {
    private final SimpleMeterRegistry registry = new SimpleMeterRegistry();
    private final EmbeddedChannel channel = new EmbeddedChannel();
    private final List<String> ends = new ArrayList<>();

    @AfterEach
    void close() {
        channel.finishAndReleaseAll();
        assertThat(registry.get("stillframe.transport.connections.open").gauge().value()).isZero();
    }

    /** A failure would end the ticks, which are the deadlines. */
    @Test
    void aTickThatFailsEndsTheConnection() {
        Connection connection = accept(new HashSet<>());
        Fault fault = new Fault("tick");
        connection.become(
                new Party() {
                    @Override
                    public void tick() {
                        fault.pass("tick");
                    }
                },
                60_000);
        advance(200);
        assertThat(ends).singleElement().asString().startsWith("INTERNAL").contains(Fault.WORDS);
        advance(10_000);
        assertThat(channel.isOpen()).isFalse();
    }

    /** Another thread's work, for which the event loop has only a line in the log. */
    @Test
    void aTaskThatFailsEndsTheConnection() {
        Connection connection = accept(new HashSet<>());
        connection.become(new Party(), 60_000);
        connection.execute(() -> new Fault("task").pass("task"));
        channel.runPendingTasks();
        assertThat(ends).singleElement().asString().startsWith("INTERNAL").contains(Fault.WORDS);
    }

    /** The peer hears it, and the channel is closed, even if the party cannot take it. */
    @Test
    void aPartyThatFailsAtItsEndKeepsNothingOpen() {
        Connection connection = accept(new HashSet<>());
        connection.become(
                new Party() {
                    @Override
                    public void over(ErrorCode code, String reason) {
                        throw new OutOfMemoryError(Fault.WORDS);
                    }
                },
                60_000);
        connection.fail(ErrorCode.BUSY, "enough");
        Object refusal = channel.readOutbound();
        assertThat(refusal).isNotNull();
        ReferenceCountUtil.release(refusal);
        advance(10_000);
        assertThat(channel.isOpen()).isFalse();
    }

    /**
     * A connection that could not be taken in has no deadline: it is closed, and no stranger is
     * counted for it.
     */
    @Test
    void aConnectionThatCannotBeTakenInIsClosed() {
        Set<Connection> full =
                new HashSet<>() {
                    private static final long serialVersionUID = 1;

                    @Override
                    public boolean add(Connection connection) {
                        throw new OutOfMemoryError(Fault.WORDS);
                    }
                };
        accept(full);
        advance(10_000);
        assertThat(channel.isOpen()).isFalse();
        assertThat(ends).singleElement().asString().contains(Fault.WORDS);
    }

    private Connection accept(Set<Connection> connections) {
        ReceiverMetrics metrics = new ReceiverMetrics(registry);
        Services services =
                new Services(
                        (name, _, _, _) -> new MemorySink(name),
                        Siege.LIMITS,
                        Credentials.NONE,
                        new Capacity(Siege.LIMITS, metrics),
                        new Credits(Siege.LIMITS),
                        new BatchBuffers(metrics::memory),
                        new Sessions(),
                        metrics,
                        new ReceiverEvents() {
                            @Override
                            public void failed(SessionInfo session, String reason) {
                                ends.add(reason);
                            }
                        });
        channel.freezeTime();
        channel.pipeline()
                .addLast(
                        new Door(
                                services,
                                connections,
                                null,
                                false,
                                new InetSocketAddress(InetAddress.getLoopbackAddress(), 1)));
        channel.pipeline().fireChannelActive();
        return channel.pipeline().get(Connection.class);
    }

    private void advance(long millis) {
        for (long passed = 0; passed < millis; passed += 50) {
            channel.advanceTimeBy(50, TimeUnit.MILLISECONDS);
            channel.runScheduledPendingTasks();
        }
    }

    private class Party implements Connection.Party {
        @Override
        public void received(Message message) {}

        @Override
        public BatchBuffer acquire() throws ProtocolException {
            throw new ProtocolException(ErrorCode.ORDER, "none");
        }

        @Override
        public void over(ErrorCode code, String reason) {
            ends.add(code + " " + reason);
        }
    }
}
