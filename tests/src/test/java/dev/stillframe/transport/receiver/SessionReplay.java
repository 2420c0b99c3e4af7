package dev.stillframe.transport.receiver;

import com.fasterxml.jackson.core.JsonProcessingException;
import dev.stillframe.engine.instant.Layout;
import dev.stillframe.engine.page.Checkpoint;
import dev.stillframe.engine.page.PageBatch;
import dev.stillframe.transport.receiver.SessionState.Effect;
import dev.stillframe.transport.receiver.SessionState.Event;
import dev.stillframe.transport.wire.DocumentReader;
import dev.stillframe.transport.wire.ErrorCode;
import dev.stillframe.transport.wire.Limits;
import dev.stillframe.transport.wire.Message;
import dev.stillframe.transport.wire.PageCheck;
import dev.stillframe.transport.wire.ProtocolException;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * A session without network and disk: acts on messages as {@link Session} and {@link SessionWorker}
 * do, and counts for itself what has come. Owned by one thread.
 */
public final class SessionReplay implements AutoCloseable {
    private final boolean late;
    private final PageCheck check = new PageCheck();
    private final Deque<Event> done = new ArrayDeque<>();
    private final Set<Long> sequences = new HashSet<>();
    private SessionState state = new SessionState.Opening();
    private List<byte[]> document = new ArrayList<>();
    private long ordinals = -1;
    private long pages;

    /**
     * A session that has just begun.
     *
     * @param late whether what the sink does is done only when the next message has come
     */
    public SessionReplay(boolean late) throws ProtocolException {
        this.late = late;
        done(new Event.Opened(Checkpoint.START));
    }

    /**
     * Acts on a message; batches are released.
     *
     * @throws ProtocolException if the peer is to be refused
     */
    public void receive(Message message) throws ProtocolException {
        try {
            on(new Event.Received(message));
        } finally {
            if (message instanceof Message.Batch(var _, var batch)) {
                batch.release();
            }
        }
        while (!done.isEmpty() && !isEnded()) {
            on(done.remove());
        }
    }

    /** Whether nothing more is to be received. */
    public boolean isEnded() {
        return state instanceof SessionState.Ended;
    }

    @Override
    public void close() {
        check.close();
    }

    private void done(Event event) throws ProtocolException {
        if (late) {
            done.add(event);
        } else {
            on(event);
        }
    }

    private void on(Event event) throws ProtocolException {
        SessionState.Transition transition = state.on(event, ReceiverLimits.DEFAULT);
        state = transition.state();
        switch (transition.effect()) {
            case Effect.Collect(var bytes) -> document.add(bytes);
            case Effect.Begin(var bytes) -> begin(bytes);
            case Effect.Store(var batch) -> store(batch);
            case Effect.StoreAndFinish(var batch, var end) -> {
                store(batch);
                finish(end);
            }
            case Effect.Finish(var end) -> finish(end);
            case Effect.None _,
                    Effect.Welcome _,
                    Effect.Accepted _,
                    Effect.Answer _,
                    Effect.Announce _,
                    Effect.Abandon _ -> {}
        }
    }

    private void begin(byte[] last) throws ProtocolException {
        document.add(last);
        try {
            Layout layout = DocumentReader.layout(taken());
            ordinals = layout.ordinalCount();
            if (ordinals > Limits.MAX_PAGES) {
                throw new ProtocolException(ErrorCode.IMAGE, "too many pages");
            }
            done(
                    new Event.Begun(
                            new SessionState.Shape(layout.pageSizeBytes(), ordinals),
                            new Checkpoint(sequences.size(), pages)));
        } catch (IOException e) {
            throw refused(e);
        }
    }

    private void store(Message.Batch message) throws ProtocolException {
        PageBatch batch = message.pages();
        try {
            check.check(message);
        } catch (PageCheck.DamagedException e) {
            throw new ProtocolException(ErrorCode.DAMAGED, String.valueOf(e.getMessage()));
        }
        expect(sequences.add(message.sequence()), "batch %d came twice", message.sequence());
        for (int run = 0; run < batch.runCount(); run++) {
            long end = batch.firstOrdinal(run) + batch.pageCount(run);
            expect(end <= ordinals, "a page before %d", end);
            pages += batch.pageCount(run);
        }
    }

    private void finish(Message.End end) throws ProtocolException {
        expect(pages == end.pages(), "finished with %d pages", pages);
        expect(sequences.size() == end.batches(), "finished with %d batches", sequences.size());
        for (long sequence = 1; sequence <= end.batches(); sequence++) {
            expect(sequences.contains(sequence), "finished without batch %d", sequence);
        }
        try {
            DocumentReader.missing(taken());
            done(new Event.Published("place"));
        } catch (IOException e) {
            throw refused(e);
        }
    }

    private List<byte[]> taken() {
        List<byte[]> whole = document;
        document = new ArrayList<>();
        return whole;
    }

    /** Only what {@link SessionWorker} takes for the peer's fault. */
    private static ProtocolException refused(IOException e) {
        if (e instanceof JsonProcessingException json) {
            return new ProtocolException(
                    ErrorCode.DOCUMENT, String.valueOf(json.getOriginalMessage()));
        }
        throw new AssertionError("a document that cannot be read is not a machine's fault", e);
    }

    private void expect(boolean holds, String otherwise, long number) {
        if (!holds) {
            throw new AssertionError(otherwise.formatted(number) + " of a layout of " + ordinals);
        }
    }
}
