package dev.stillframe.transport.receiver;

import dev.stillframe.transport.security.Credentials;

/**
 * What all connections of a receiver use. Everything in it is thread-safe.
 *
 * @param sinks makes the sinks
 * @param limits what a peer may take
 * @param credentials who may come in
 * @param capacity what is left of what they share
 * @param credits shares out the batches on the way
 * @param buffers the memory of those batches
 * @param sessions those that are open
 * @param metrics counts
 * @param events told of sessions
 */
record Services(
        SinkFactory sinks,
        ReceiverLimits limits,
        Credentials credentials,
        Capacity capacity,
        Credits credits,
        BatchBuffers buffers,
        Sessions sessions,
        ReceiverMetrics metrics,
        ReceiverEvents events) {}
