package dev.stillframe.transport.sender;

import dev.stillframe.transport.client.ClientConnection;
import dev.stillframe.transport.client.Dialer;
import dev.stillframe.transport.encoding.Choice;
import dev.stillframe.transport.wire.Limits;
import dev.stillframe.transport.wire.Message;
import io.micrometer.core.instrument.Clock;
import io.netty.channel.Channel;
import java.io.IOException;
import java.security.SecureRandom;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What all connections of a sender have in common.
 *
 * @param dialer the way to the receiver
 * @param options how long to wait
 * @param rate how fast all of them together may send
 * @param choice how their batches are encoded
 * @param metrics counts
 * @param random makes secrets
 */
record Network(
        Dialer dialer,
        SenderOptions options,
        RateLimit rate,
        Choice choice,
        SenderMetrics metrics,
        SecureRandom random) {
    /**
     * Connects.
     *
     * @param opening what is said first
     * @param peerIdleMillis how long the receiver waits, as far as it is known
     * @param roundTrips gets round-trip times; null for a lane
     * @param channels gets the channel at once, so that whoever gives up can close it
     */
    Channel connect(
            Message.Opening opening,
            Replies replies,
            int peerIdleMillis,
            @Nullable SenderMetrics roundTrips,
            List<Channel> channels)
            throws IOException {
        ClientConnection.Terms terms =
                new ClientConnection.Terms(
                        peer(),
                        opening,
                        options.credentials().key(),
                        options.timeouts().idle(),
                        peerIdleMillis);
        return dialer.connect(new Connection(terms, replies, roundTrips), channels);
    }

    /** The time that everything is measured by. */
    Clock clock() {
        return metrics.clock();
    }

    /** The receiver, as one types it. */
    String peer() {
        return dialer.peer();
    }

    /** Something that was never used before. */
    byte[] nonce() {
        byte[] nonce = new byte[Limits.NONCE_BYTES];
        random.nextBytes(nonce);
        return nonce;
    }
}
