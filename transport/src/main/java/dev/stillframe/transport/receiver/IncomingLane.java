package dev.stillframe.transport.receiver;

import dev.stillframe.transport.wire.BatchBuffer;
import dev.stillframe.transport.wire.Contents;
import dev.stillframe.transport.wire.ErrorCode;
import dev.stillframe.transport.wire.Message;
import dev.stillframe.transport.wire.ProtocolException;

/** A lane of a session: brings batches. Owned by its connection's event loop. */
final class IncomingLane implements Connection.Party {
    private final Session session;
    private final Connection connection;
    private final boolean urgent;

    IncomingLane(Session session, Connection connection, boolean urgent) {
        this.session = session;
        this.connection = connection;
        this.urgent = urgent;
    }

    @Override
    public BatchBuffer acquire() throws ProtocolException {
        return session.acquireForLane();
    }

    @Override
    public Contents contents() throws ProtocolException {
        Contents decoder = urgent ? null : session.decoderForLane();
        return decoder == null ? Connection.Party.super.contents() : decoder;
    }

    @Override
    public void received(Message message) throws ProtocolException {
        if (!(message instanceof Message.Batch batch)) {
            throw new ProtocolException(
                    ErrorCode.ORDER, "%s on a lane".formatted(message.getClass().getSimpleName()));
        }
        session.brought(batch, urgent);
    }

    @Override
    public void over(ErrorCode code, String reason) {
        session.laneOver(code, reason);
    }

    /** On any thread: the session is over. */
    void end(Message.Refusal refusal) {
        connection.execute(() -> connection.fail(refusal.code(), refusal.text()));
    }

    /**
     * On any thread: the session is complete. It is for the sender, who may not know yet, to close.
     */
    void end() {
        connection.execute(connection::finish);
    }
}
