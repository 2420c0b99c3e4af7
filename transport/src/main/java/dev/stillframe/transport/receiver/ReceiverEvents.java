package dev.stillframe.transport.receiver;

import java.net.SocketAddress;

/**
 * What a receiver tells its owner. Called on the sessions' threads, in order within a session; of a
 * connection that never named an image, on the receiver's, where nothing may block.
 */
public interface ReceiverEvents {
    /** Tells nobody. */
    ReceiverEvents NONE = new ReceiverEvents() {};

    /**
     * A session, in one of its attempts.
     *
     * @param number counts the connections of a receiver
     * @param peer who sends
     * @param imageName what the image shall be called; empty if that was not told
     */
    record SessionInfo(long number, SocketAddress peer, String imageName) {}

    /** The image is begun, or its sending goes on behind batch {@code durable}. */
    default void started(SessionInfo session, long durable) {}

    /** The image is complete and durable at {@code place}, which is what the sink returned. */
    default void published(SessionInfo session, String place) {}

    /** The attempt is over; what has come so far is kept for the next one. */
    default void suspended(SessionInfo session, String reason) {}

    /** Nothing was published. */
    default void failed(SessionInfo session, String reason) {}
}
