package dev.stillframe.transport.receiver;

import dev.stillframe.engine.page.PageBatch;
import dev.stillframe.transport.wire.BatchBuffer;
import dev.stillframe.transport.wire.ErrorCode;
import dev.stillframe.transport.wire.ImageName;
import dev.stillframe.transport.wire.Limits;
import dev.stillframe.transport.wire.Message;
import dev.stillframe.transport.wire.ProtocolException;

/**
 * Where a session stands, as the receiver sees it; each state holds only what is true in it.
 * Immutable.
 */
sealed interface SessionState {
    /** Connected; nothing is known of the peer. */
    record AwaitingHello() implements SessionState {}

    /** The sink is being opened. */
    record Opening() implements SessionState {}

    /** Parts of the layout come. */
    record AwaitingLayout(Collected collected) implements SessionState {}

    /** The sink is told of the layout. */
    record Beginning() implements SessionState {}

    /** Batches come; {@code batches} and {@code pages} have come. */
    record Receiving(Shape shape, long batches, long pages) implements SessionState {}

    /** Parts of the list of what is missing come; no more batches. */
    record AwaitingMissing(Receiving received, Collected collected) implements SessionState {}

    /** All but END has come. */
    record AwaitingEnd(Receiving received) implements SessionState {}

    /** The sink completes the image. */
    record Publishing() implements SessionState {}

    /** Over, published or not. */
    record Ended() implements SessionState {}

    /** What the layout says of the pages. */
    record Shape(int pageSizeBytes, long pageCount) {}

    /** How much of a document has come; a total of 0 before the first part. */
    record Collected(long totalBytes, long receivedBytes) {
        static final Collected NOTHING = new Collected(0, 0);

        Collected with(Message.Part part) throws ProtocolException {
            if (part.offset() != receivedBytes
                    || (receivedBytes > 0 && part.totalBytes() != totalBytes)) {
                throw new ProtocolException(
                        ErrorCode.ORDER,
                        "a part at %d of %d bytes after %d of %d; parts come in order"
                                .formatted(
                                        part.offset(),
                                        part.totalBytes(),
                                        receivedBytes,
                                        totalBytes));
            }
            return new Collected(part.totalBytes(), receivedBytes + part.bytes().length);
        }
    }

    /** What can happen to a session; its failures and its end apart. */
    sealed interface Event {
        /** The peer said something. */
        record Received(Message message) implements Event {}

        /** The sink is open. */
        record Opened() implements Event {}

        /** The sink has accepted the layout. */
        record Begun(Shape shape) implements Event {}

        /** The sink has published. */
        record Published(String place) implements Event {}
    }

    /** What the session has to do because of an event. */
    sealed interface Effect {
        /** Nothing. */
        record None() implements Effect {}

        /** Open the sink. */
        record Open(Message.Hello hello) implements Effect {}

        /** Say that the sink is open. */
        record Welcome() implements Effect {}

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

        /** Complete the image. */
        record Finish(Message.End end) implements Effect {}

        /** Say where the image is, and end. */
        record Announce(String place) implements Effect {}

        /** End, because the peer gave up. */
        record Abandon(String reason) implements Effect {}
    }

    /** A state and what to do on entering it. */
    record Step(SessionState state, Effect effect) {}

    /**
     * The whole transition table: pure.
     *
     * @throws ProtocolException if the peer broke a rule; the session has to be failed with it
     * @throws IllegalStateException if {@code event} cannot happen in this state: a bug
     */
    default Step on(Event event, ReceiverLimits limits) throws ProtocolException {
        return switch (event) {
            case Event.Received(var message) -> received(message, limits);
            case Event.Opened() when this instanceof Opening ->
                    new Step(new AwaitingLayout(Collected.NOTHING), new Effect.Welcome());
            case Event.Begun(var shape) when this instanceof Beginning ->
                    new Step(new Receiving(shape, 0, 0), new Effect.Accepted());
            case Event.Published(var place) when this instanceof Publishing ->
                    new Step(new Ended(), new Effect.Announce(place));
            default -> throw new IllegalStateException(event + " in " + this);
        };
    }

    private Step received(Message message, ReceiverLimits limits) throws ProtocolException {
        record In(SessionState state, Message message) {}
        return switch (new In(this, message)) {
            case In(var _, Message.KeepAlive _) when !(this instanceof AwaitingHello) ->
                    new Step(this, new Effect.None());
            case In(var _, Message.Abort(var reason)) when !(this instanceof AwaitingHello) ->
                    new Step(new Ended(), new Effect.Abandon(reason));
            case In(AwaitingHello _, Message.Hello hello) -> {
                checkHello(hello);
                yield new Step(new Opening(), new Effect.Open(hello));
            }
            case In(AwaitingLayout(var collected), Message.LayoutPart(var part)) -> {
                checkLayoutBytes(part, limits);
                yield part.isLast()
                        ? complete(collected, part, new Beginning(), new Effect.Begin(part.bytes()))
                        : new Step(
                                new AwaitingLayout(collected.with(part)),
                                new Effect.Collect(part.bytes()));
            }
            case In(Receiving receiving, Message.Batch batch) ->
                    new Step(checkedBatch(receiving, batch), new Effect.Store(batch));
            case In(Receiving receiving, Message.MissingPart(var part)) ->
                    missing(receiving, Collected.NOTHING, part);
            case In(AwaitingMissing(var receiving, var collected), Message.MissingPart(var part)) ->
                    missing(receiving, collected, part);
            case In(AwaitingEnd(var receiving), Message.End end) -> {
                checkEnd(receiving, end);
                yield new Step(new Publishing(), new Effect.Finish(end));
            }
            default ->
                    throw new ProtocolException(
                            ErrorCode.ORDER,
                            "%s is not allowed while the receiver is %s"
                                    .formatted(
                                            message.getClass().getSimpleName(),
                                            getClass().getSimpleName()));
        };
    }

    private static Step missing(Receiving receiving, Collected collected, Message.Part part)
            throws ProtocolException {
        Effect keep = new Effect.Collect(part.bytes());
        return part.isLast()
                ? complete(collected, part, new AwaitingEnd(receiving), keep)
                : new Step(new AwaitingMissing(receiving, collected.with(part)), keep);
    }

    private static Step complete(
            Collected before, Message.Part last, SessionState next, Effect effect)
            throws ProtocolException {
        Collected all = before.with(last);
        if (all.receivedBytes() != all.totalBytes()) {
            throw new IllegalStateException("last part, but " + all);
        }
        return new Step(next, effect);
    }

    private static void checkHello(Message.Hello hello) throws ProtocolException {
        if (hello.minVersion() > Limits.VERSION || hello.maxVersion() < Limits.VERSION) {
            throw new ProtocolException(
                    ErrorCode.VERSION,
                    "the sender speaks versions %d to %d of the protocol, the receiver %d"
                            .formatted(hello.minVersion(), hello.maxVersion(), Limits.VERSION));
        }
        if (hello.streamIndex() != 0 || hello.streamCount() != 1) {
            throw new ProtocolException(
                    ErrorCode.UNSUPPORTED,
                    "stream %d of %d; version %d has one stream a session"
                            .formatted(hello.streamIndex(), hello.streamCount(), Limits.VERSION));
        }
        if (!ImageName.isValid(hello.imageName())) {
            throw new ProtocolException(ErrorCode.NAME, ImageName.rule());
        }
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

    private static Receiving checkedBatch(Receiving before, Message.Batch batch)
            throws ProtocolException {
        if (batch.sequence() != before.batches() + 1) {
            throw new ProtocolException(
                    ErrorCode.ORDER,
                    "batch %d after batch %d".formatted(batch.sequence(), before.batches()));
        }
        Shape shape = before.shape();
        if (batch.pages() instanceof BatchBuffer buffer
                && buffer.pageSizeBytes() != shape.pageSizeBytes()) {
            throw new ProtocolException(
                    ErrorCode.IMAGE,
                    "batch %d has pages of %d bytes, the layout of %d"
                            .formatted(
                                    batch.sequence(),
                                    buffer.pageSizeBytes(),
                                    shape.pageSizeBytes()));
        }
        return new Receiving(
                shape,
                batch.sequence(),
                before.pages() + checkedPages(batch, shape, before.pages()));
    }

    /**
     * Extents are numbered through without gaps, so every ordinal below the page count is in one.
     */
    private static long checkedPages(Message.Batch batch, Shape shape, long before)
            throws ProtocolException {
        PageBatch pages = batch.pages();
        long count = 0;
        for (int run = 0; run < pages.runCount(); run++) {
            count += pages.pageCount(run); // bounded: runs times MAX_PAGES
            if (pages.firstOrdinal(run) > shape.pageCount() - pages.pageCount(run)) {
                throw new ProtocolException(
                        ErrorCode.IMAGE,
                        "batch %d has %d pages from %d; the layout has %d"
                                .formatted(
                                        batch.sequence(),
                                        pages.pageCount(run),
                                        pages.firstOrdinal(run),
                                        shape.pageCount()));
            }
        }
        if (count > shape.pageCount() - before) {
            throw new ProtocolException(
                    ErrorCode.IMAGE,
                    "batch %d brings the pages to %d; the layout has %d, each comes once"
                            .formatted(batch.sequence(), before + count, shape.pageCount()));
        }
        return count;
    }

    private static void checkEnd(Receiving received, Message.End end) throws ProtocolException {
        if (end.batches() != received.batches()
                || end.pages() != received.pages()
                || end.pages() != received.shape().pageCount()) {
            throw new ProtocolException(
                    ErrorCode.IMAGE,
                    "END after %d batches with %d pages; it says %d batches and %d pages, the layout %d pages"
                            .formatted(
                                    received.batches(),
                                    received.pages(),
                                    end.batches(),
                                    end.pages(),
                                    received.shape().pageCount()));
        }
    }
}
