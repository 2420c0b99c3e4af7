package dev.stillframe.transport.receiver;

import dev.stillframe.engine.page.Checkpoint;
import dev.stillframe.transport.wire.Collected;
import dev.stillframe.transport.wire.ErrorCode;
import dev.stillframe.transport.wire.Message;
import dev.stillframe.transport.wire.ProtocolException;

/**
 * Where one attempt at a session stands, as the receiver sees it; each state holds only what is
 * true in it. Messages of the control connection and batches of the lanes come together here.
 * Immutable.
 */
sealed interface SessionState {
    /** The sink is being opened. */
    record Opening() implements SessionState {}

    /** Parts of the layout come, or of one that amends it. */
    record AwaitingLayout(Collected collected) implements SessionState {}

    /** The sink is told of the layout. */
    record Beginning() implements SessionState {}

    /** Batches come. */
    record Receiving(Arrival arrival) implements SessionState {}

    /** Parts of the list of what is missing come; batches may still be on the lanes. */
    record AwaitingMissing(Arrival arrival, Collected collected) implements SessionState {}

    /** All documents are there, END is not. */
    record AwaitingEnd(Arrival arrival) implements SessionState {}

    /** END is there, some batches are still on the lanes. */
    record Draining(Arrival arrival, Message.End end) implements SessionState {}

    /** The sink completes the image. */
    record Publishing() implements SessionState {}

    /** Over, published or not. */
    record Ended() implements SessionState {}

    /** What the layout says of the pages. */
    record Shape(int pageSizeBytes, long ordinalCount) {}

    /** What can happen to a session; its failures and its end apart. */
    sealed interface Event {
        /** The peer said something. */
        record Received(Message message) implements Event {}

        /** The sink is open. */
        record Opened(Checkpoint durable) implements Event {}

        /** The sink has accepted the layout. */
        record Begun(Shape shape, Checkpoint durable) implements Event {}

        /** The sink has published. */
        record Published(String place) implements Event {}
    }

    /** What the session has to do because of an event. */
    sealed interface Effect {
        /** Nothing. */
        record None() implements Effect {}

        /** Say that the sink is open, and where it stands. */
        record Welcome(Checkpoint durable) implements Effect {}

        /** Keep a part of a document. */
        @SuppressWarnings("ArrayRecordComponent") // never compared
        record Collect(byte[] bytes) implements Effect {}

        /** Keep the last part of the layout, and tell the sink of it. */
        @SuppressWarnings("ArrayRecordComponent") // never compared
        record Begin(byte[] bytes) implements Effect {}

        /** Say that the layout is accepted. */
        record Accepted() implements Effect {}

        /** Give a batch to the sink. */
        record Store(Message.Batch batch) implements Effect {}

        /** Give the last batch to the sink and complete the image. */
        record StoreAndFinish(Message.Batch batch, Message.End end) implements Effect {}

        /** Complete the image. */
        record Finish(Message.End end) implements Effect {}

        /** Answer. */
        record Answer(Message message) implements Effect {}

        /** Say where the image is, and end. */
        record Announce(String place) implements Effect {}

        /** End, because the peer gave up. */
        record Abandon(String reason) implements Effect {}
    }

    /** A state and what to do on entering it. */
    record Transition(SessionState state, Effect effect) {}

    /**
     * The whole transition table: pure.
     *
     * @throws ProtocolException if the peer broke a rule; the session has to be failed with it
     * @throws IllegalStateException if {@code event} cannot happen in this state: a bug
     */
    default Transition on(Event event, ReceiverLimits limits) throws ProtocolException {
        return switch (event) {
            case Event.Received(var message) -> received(message, limits);
            case Event.Opened(var durable) when this instanceof Opening ->
                    new Transition(
                            new AwaitingLayout(Collected.NOTHING), new Effect.Welcome(durable));
            case Event.Begun(var shape, var durable) when this instanceof Beginning ->
                    new Transition(
                            new Receiving(Arrival.behind(shape, durable)), new Effect.Accepted());
            case Event.Published(var place)
                    when this instanceof Publishing || this instanceof Opening ->
                    new Transition(new Ended(), new Effect.Announce(place));
            default -> throw new IllegalStateException(event + " in " + this);
        };
    }

    private Transition received(Message message, ReceiverLimits limits) throws ProtocolException {
        record In(SessionState state, Message message) {}
        return switch (new In(this, message)) {
            case In(var _, Message.Ping(var stamp)) ->
                    new Transition(this, new Effect.Answer(new Message.Pong(stamp)));
            case In(var _, Message.Abort(var reason)) ->
                    new Transition(new Ended(), new Effect.Abandon(reason));
            case In(AwaitingLayout(var collected), Message.LayoutPart(var part)) ->
                    layout(collected, part, limits);
            case In(Receiving(var arrival), Message.LayoutPart(var part)) -> {
                arrival.checkRoundEnds();
                yield layout(Collected.NOTHING, part, limits);
            }
            case In(Receiving(var arrival), Message.Batch batch) ->
                    new Transition(new Receiving(arrival.with(batch)), new Effect.Store(batch));
            case In(AwaitingMissing(var arrival, var collected), Message.Batch batch) ->
                    new Transition(
                            new AwaitingMissing(arrival.with(batch), collected),
                            new Effect.Store(batch));
            case In(AwaitingEnd(var arrival), Message.Batch batch) ->
                    new Transition(new AwaitingEnd(arrival.with(batch)), new Effect.Store(batch));
            case In(Draining(var arrival, var end), Message.Batch batch) ->
                    drained(arrival.with(batch), batch, end);
            case In(Receiving(var arrival), Message.MissingPart(var part)) ->
                    missing(arrival, Collected.NOTHING, part);
            case In(AwaitingMissing(var arrival, var collected), Message.MissingPart(var part)) ->
                    missing(arrival, collected, part);
            case In(AwaitingEnd(var arrival), Message.End end) -> ended(arrival, end);
            default ->
                    throw new ProtocolException(
                            ErrorCode.ORDER,
                            "%s is not allowed while the receiver is %s"
                                    .formatted(
                                            message.getClass().getSimpleName(),
                                            getClass().getSimpleName()));
        };
    }

    private static Transition layout(Collected collected, Message.Part part, ReceiverLimits limits)
            throws ProtocolException {
        checkLayoutBytes(part, limits);
        return part.isLast()
                ? complete(collected, part, new Beginning(), new Effect.Begin(part.bytes()))
                : new Transition(
                        new AwaitingLayout(collected.with(part)), new Effect.Collect(part.bytes()));
    }

    private static Transition missing(Arrival arrival, Collected collected, Message.Part part)
            throws ProtocolException {
        Effect keep = new Effect.Collect(part.bytes());
        return part.isLast()
                ? complete(collected, part, new AwaitingEnd(arrival), keep)
                : new Transition(new AwaitingMissing(arrival, collected.with(part)), keep);
    }

    private static Transition complete(
            Collected before, Message.Part last, SessionState next, Effect effect)
            throws ProtocolException {
        Collected all = before.with(last);
        if (all.receivedBytes() != all.totalBytes()) {
            throw new IllegalStateException("last part, but " + all);
        }
        return new Transition(next, effect);
    }

    private static Transition ended(Arrival arrival, Message.End end) throws ProtocolException {
        arrival.checkEnd(end);
        return arrival.isComplete(end)
                ? new Transition(new Publishing(), new Effect.Finish(end))
                : new Transition(new Draining(arrival, end), new Effect.None());
    }

    private static Transition drained(Arrival arrival, Message.Batch last, Message.End end)
            throws ProtocolException {
        arrival.checkEnd(end);
        return arrival.isComplete(end)
                ? new Transition(new Publishing(), new Effect.StoreAndFinish(last, end))
                : new Transition(new Draining(arrival, end), new Effect.Store(last));
    }

    private static void checkLayoutBytes(Message.Part part, ReceiverLimits limits)
            throws ProtocolException {
        if (part.totalBytes() > limits.maxLayoutBytes()) {
            throw new ProtocolException(
                    ErrorCode.LIMIT,
                    "a layout of %d bytes; the receiver takes %d"
                            .formatted(part.totalBytes(), limits.maxLayoutBytes()));
        }
    }
}
