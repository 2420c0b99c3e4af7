package dev.stillframe.transport.receiver;

import dev.stillframe.engine.page.Checkpoint;
import dev.stillframe.transport.encoding.BatchDecoder;
import dev.stillframe.transport.receiver.SessionState.Effect;
import dev.stillframe.transport.receiver.SessionState.Event;
import dev.stillframe.transport.wire.BatchBuffer;
import dev.stillframe.transport.wire.Contents;
import dev.stillframe.transport.wire.DocumentParts;
import dev.stillframe.transport.wire.ErrorCode;
import dev.stillframe.transport.wire.Limits;
import dev.stillframe.transport.wire.Message;
import dev.stillframe.transport.wire.ProtocolException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One attempt at a session: its control connection, its lanes, its thread. Asks {@link
 * SessionState} what messages mean, and does it. Owned by the event loop of the control connection,
 * to which lanes and the {@link SessionWorker} hand what they have.
 */
final class Session implements Connection.Party, SessionWorker.Results {
    private static final Logger LOG = LoggerFactory.getLogger(Session.class);

    /** Of every lane: some thousand pages that may come again. */
    private static final int DICTIONARY_BYTES = 8 << 20;

    private final Services services;
    private final Connection connection;
    private final Message.Hello hello;
    private final ReceiverEvents.SessionInfo info;
    private final Credits.Window window;
    private final HeapLoan heap;
    private final DocumentParts document;
    private final SessionWorker worker;
    private final List<IncomingLane> lanes = new ArrayList<>();
    private final Set<Integer> laneNumbers = new HashSet<>();
    private SessionState state = new SessionState.Opening();
    private byte[] rootHash;
    private @Nullable Runnable onClosed;
    private volatile int dictionaryBytes; // set before the lanes come
    private boolean closed;
    private long layoutBytes;
    private long comingLayoutBytes;
    private long granted;
    private long saidGranted;
    private long durable;
    private long saidDurable;
    private @Nullable Message unsaid;

    private Session(Services services, Connection connection, Message.Hello hello) {
        this.services = services;
        this.connection = connection;
        this.hello = hello;
        rootHash = hello.rootHash();
        info =
                new ReceiverEvents.SessionInfo(
                        connection.number(), connection.peer(), hello.imageName());
        heap = new HeapLoan(services.capacity(), services.limits());
        document = new DocumentParts("what describes the image " + hello.imageName(), heap);
        worker = new SessionWorker(connection.number(), hello, this, services.metrics().clock());
        window =
                services.credits()
                        .open(); // from here on nothing can fail, which would have to be given back
        services.buffers().opened();
    }

    /**
     * Opens the session that {@code hello} asks for; one with the same token, whose connection may
     * only seem to be alive, gives way first.
     */
    static void open(Services services, Connection connection, Message.Hello hello)
            throws ProtocolException {
        if (!services.capacity().takeSession()) {
            throw new ProtocolException(
                    ErrorCode.BUSY,
                    "the receiver has %d sessions, which is the most; try again later"
                            .formatted(services.limits().maxSessions()));
        }
        boolean made = false;
        Session session;
        try {
            session = new Session(services, connection, hello);
            made = true;
        } finally {
            if (!made) {
                services.capacity().giveSession();
            }
        }
        connection.become(session, hello.idleMillis());
        Session before = services.sessions().put(session);
        if (before == null) {
            session.begin();
        } else {
            before.connection.execute(
                    () -> before.supersede(() -> connection.execute(session::begin)));
        }
    }

    /** The secret by which it is known. */
    byte[] token() {
        return hello.token();
    }

    private void begin() {
        if (!isEnded()) {
            LOG.info(
                    "session {} from {}: image {}, attempt {}",
                    info.number(),
                    info.peer(),
                    info.imageName(),
                    hello.attempt());
            worker.open(services.sinks(), heap);
        }
    }

    private void supersede(Runnable then) {
        if (closed) {
            then.run();
        } else {
            onClosed = then;
            connection.fail(ErrorCode.SUPERSEDED, "the sender has come again");
        }
    }

    /** On any thread: {@code newcomer} wants to be a lane. */
    void attach(Connection newcomer, Message.Attach attach) throws ProtocolException {
        boolean urgent = attach.lane() == Limits.URGENT_LANE;
        if (!newcomer.identity().equals(connection.identity())) {
            throw new ProtocolException(
                    ErrorCode.IDENTITY, "a lane of another peer than the session's");
        }
        if (attach.attempt() != hello.attempt()
                || attach.lane() < 1
                || (!urgent && attach.lane() > lanesOffered())) {
            throw new ProtocolException(
                    ErrorCode.GONE,
                    "lane %d of attempt %d is not one that is open"
                            .formatted(attach.lane(), attach.attempt()));
        }
        IncomingLane lane = new IncomingLane(this, newcomer, urgent);
        newcomer.become(lane, attach.idleMillis());
        connection.execute(
                () -> {
                    if (isEnded() || !laneNumbers.add(attach.lane())) {
                        lane.end(
                                new Message.Refusal(
                                        ErrorCode.GONE,
                                        "lane %d is taken, or the attempt is over"
                                                .formatted(attach.lane())));
                    } else {
                        lanes.add(lane);
                        newcomer.execute(() -> newcomer.say(new Message.Attached()));
                    }
                });
    }

    /** On any thread: the buffer for a batch that begins on a lane. */
    BatchBuffer acquireForLane() throws ProtocolException {
        window.receive();
        return services.buffers().acquire(this::released);
    }

    /** On any thread: what decodes the batches of a lane; null if no dictionary was offered. */
    @Nullable Contents decoderForLane() {
        int bytes = dictionaryBytes;
        return bytes == 0 ? null : services.metrics().timed(new BatchDecoder(bytes));
    }

    /** On any thread: a lane has brought a batch. */
    void brought(Message.Batch batch, boolean urgent) {
        connection.execute(
                () -> {
                    boolean taken = false;
                    try {
                        if (!isEnded()) {
                            services.metrics().received(batch.pages());
                            taken = true;
                            onBatch(batch, urgent);
                        }
                    } finally {
                        if (!taken) {
                            batch.pages().release();
                        }
                    }
                });
    }

    private void onBatch(Message.Batch batch, boolean urgent) {
        boolean handed = false;
        try {
            SessionState.Transition transition =
                    state.on(new Event.Received(batch), services.limits());
            handed = true;
            state = transition.state();
            worker.store(batch, urgent);
            if (transition.effect() instanceof Effect.StoreAndFinish(var _, var end)) {
                finish(end);
            }
        } catch (ProtocolException e) {
            connection.fail(e.code(), String.valueOf(e.getMessage()));
        } finally {
            if (!handed) {
                batch.pages().release();
            }
        }
    }

    /** On any thread: the connection of a lane is over; the attempt is over with it. */
    void laneOver(ErrorCode code, String reason) {
        connection.execute(() -> connection.fail(code, "a lane: " + reason));
    }

    @Override
    public boolean takesDocuments() {
        return true;
    }

    @Override
    public void received(Message message) throws ProtocolException {
        on(new Event.Received(message));
    }

    @Override
    public void done(Event event) {
        connection.execute(
                () -> {
                    try {
                        if (!isEnded()) {
                            on(event);
                        }
                    } catch (ProtocolException e) {
                        connection.fail(e.code(), String.valueOf(e.getMessage()));
                    }
                });
    }

    @Override
    public void opened(long reached) {
        services.events().started(info, reached);
    }

    @Override
    public void durable(long sequence) {
        connection.execute(
                () -> {
                    durable = sequence;
                    sayProgress();
                });
    }

    @Override
    public void failed(ErrorCode code, String text) {
        connection.execute(() -> connection.fail(code, text));
    }

    private void on(Event event) throws ProtocolException {
        SessionState.Transition transition = state.on(event, services.limits());
        state = transition.state();
        perform(transition.effect());
    }

    private void perform(Effect effect) {
        switch (effect) {
            case Effect.None _ -> {}
            case Effect.Welcome(var reached) -> welcome(reached);
            case Effect.Collect(var bytes) -> collect(bytes);
            case Effect.Begin(var bytes) -> {
                if (collect(bytes)) {
                    comingLayoutBytes = document.lentBytes();
                    worker.begin(document.take());
                }
            }
            case Effect.Accepted _ -> {
                heap.give(layoutBytes); // nobody has the layout any more that this one amends
                layoutBytes = comingLayoutBytes;
                connection.say(new Message.Begun());
            }
            case Effect.Store _, Effect.StoreAndFinish _ ->
                    throw new IllegalStateException("a batch on the control connection");
            case Effect.Finish(var end) -> finish(end);
            case Effect.Answer(var answer) -> answer(answer);
            case Effect.Announce(var place) -> {
                connection.finish(new Message.Published(rootHash, place));
                end(ErrorCode.ABORTED, "", null);
            }
            case Effect.Abandon(var reason) ->
                    connection.close(ErrorCode.ABORTED, "the sender gave up: " + reason);
        }
    }

    /** A peer that asks and does not read gets only the last answer. */
    private void answer(Message answer) {
        if (connection.isWritable()) {
            connection.say(answer);
        } else {
            unsaid = answer;
        }
    }

    private void welcome(Checkpoint reached) {
        durable = reached.batches();
        saidDurable = durable;
        if (services.capacity().takeEncoding(encodingBytes())) {
            dictionaryBytes = DICTIONARY_BYTES;
        }
        granted = window.grant();
        saidGranted = granted;
        connection.say(
                new Message.HelloAck(
                        Limits.VERSION,
                        lanesOffered(),
                        dictionaryBytes,
                        (int) granted,
                        Limits.MAX_DATA_BYTES,
                        Limits.MAX_RUNS,
                        (int) services.limits().deadlines().idle().toMillis(),
                        services.limits().maxLayoutBytes(),
                        durable));
    }

    private long encodingBytes() {
        return lanesOffered() * BatchDecoder.memoryBytes(DICTIONARY_BYTES);
    }

    private int lanesOffered() {
        return Math.min(hello.lanes(), services.limits().maxLanes());
    }

    private void finish(Message.End end) {
        rootHash = end.rootHash();
        worker.finish(document.take(), end);
    }

    private boolean collect(byte[] bytes) {
        try {
            document.add(bytes);
            return true;
        } catch (HeapLoan.RefusedException e) {
            connection.fail(e.code(), String.valueOf(e.getMessage()));
            return false;
        } catch (IOException e) {
            throw new IllegalStateException("a loan refuses with its own exception", e);
        }
    }

    /** On any thread. */
    private void released() {
        long now = window.release();
        connection.execute(
                () -> {
                    granted = Math.max(granted, now);
                    sayProgress();
                });
    }

    @Override
    public void writabilityChanged() {
        sayProgress();
    }

    @Override
    public void tick() {
        worker.checkpointIfDue();
        granted = Math.max(granted, window.grant()); // another session may have ended
        sayProgress();
    }

    /** A peer that does not read gets one message for many, so that they do not pile up. */
    private void sayProgress() {
        if (isEnded() || state instanceof SessionState.Opening || !connection.isWritable()) {
            return;
        }
        if (unsaid != null) {
            connection.say(unsaid);
            unsaid = null;
        }
        if (durable > saidDurable) {
            saidDurable = durable;
            connection.say(new Message.Durable(durable));
        }
        if (granted > saidGranted) {
            saidGranted = granted;
            connection.say(new Message.Credit(granted));
        }
    }

    @Override
    public void over(ErrorCode code, String reason) {
        LOG.warn(
                "session {} from {} ended while {}: {} ({})",
                info.number(),
                info.peer(),
                state.getClass().getSimpleName(),
                reason,
                code.tag());
        end(code, reason, new Message.Refusal(code, reason));
    }

    /** Everything that an end has to undo, in one place. */
    private void end(ErrorCode code, String reason, Message.@Nullable Refusal toLanes) {
        state = new SessionState.Ended();
        for (IncomingLane lane : lanes) {
            if (toLanes == null) {
                lane.end();
            } else {
                lane.end(toLanes);
            }
        }
        worker.end(
                code.isPassing(),
                reason,
                ending -> {
                    try {
                        tell(ending, reason);
                    } catch (
                            Throwable t) { // what the session had is to be given back, whatever its
                        // owner does
                        LOG.error(
                                "nobody could be told of the end of session {}", info.number(), t);
                    }
                    connection.execute(this::close);
                });
    }

    /** On the worker's thread: the sink is closed. */
    private void tell(SessionWorker.Ending ending, String reason) {
        switch (ending) {
            case SessionWorker.Ending.Published(var place) -> {
                services.metrics().ended(true);
                LOG.info("session {} from {}: published {}", info.number(), info.peer(), place);
                services.events().published(info, place);
            }
            case SessionWorker.Ending.Suspended _ -> {
                services.metrics().suspended();
                services.events().suspended(info, reason);
            }
            case SessionWorker.Ending.Failed _ -> {
                services.metrics().ended(false);
                services.events().failed(info, reason);
            }
        }
    }

    private void close() {
        closed = true;
        services.sessions().remove(this);
        window.close();
        services.buffers().closed();
        services.capacity().giveSession();
        heap.close();
        if (dictionaryBytes > 0) {
            services.capacity().giveEncoding(encodingBytes());
        }
        if (onClosed != null) {
            onClosed.run();
        }
    }

    /** Its thread; to be waited for. */
    SessionWorker worker() {
        return worker;
    }

    private boolean isEnded() {
        return state instanceof SessionState.Ended;
    }
}
