package dev.stillframe.transport.receiver;

import dev.stillframe.transport.security.PresharedKey;
import dev.stillframe.transport.wire.ErrorCode;
import dev.stillframe.transport.wire.ImageName;
import dev.stillframe.transport.wire.Limits;
import dev.stillframe.transport.wire.Message;
import dev.stillframe.transport.wire.MessageCodec;
import dev.stillframe.transport.wire.ProtocolException;
import java.security.SecureRandom;
import java.util.Collections;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A peer that has not yet said who it is: it opens a session, or a lane of one, or is turned away.
 * Owned by the connection's event loop.
 */
final class Stranger implements Connection.Party {
    private static final Logger LOG = LoggerFactory.getLogger(Stranger.class);

    private static final SecureRandom RANDOM = new SecureRandom();

    private final Services services;
    private final Connection connection;
    private final byte[] nonce = new byte[Limits.NONCE_BYTES];
    private Message.@Nullable Opening challenged;

    Stranger(Services services, Connection connection) {
        this.services = services;
        this.connection = connection;
    }

    @Override
    public void received(Message message) throws ProtocolException {
        if (challenged != null) {
            prove(message, challenged);
            return;
        }
        if (!(message instanceof Message.Opening opening)) {
            throw new ProtocolException(
                    ErrorCode.ORDER,
                    "%s before HELLO, ATTACH or READ"
                            .formatted(message.getClass().getSimpleName()));
        }
        checkNames();
        if (services.credentials().key() == null) {
            admit(opening);
        } else {
            challenged = opening;
            RANDOM.nextBytes(nonce);
            connection.say(new Message.Challenge(nonce));
        }
    }

    private void checkNames() throws ProtocolException {
        Set<String> allowed = services.credentials().allowed();
        Set<String> names = connection.names();
        if (!allowed.isEmpty() && Collections.disjoint(allowed, names)) {
            throw new ProtocolException(
                    ErrorCode.IDENTITY,
                    "the certificate is for %s, which the receiver does not allow"
                            .formatted(String.join(", ", names)));
        }
    }

    private void prove(Message message, Message.Opening opening) throws ProtocolException {
        PresharedKey key = services.credentials().key();
        byte[] body = MessageCodec.body(opening);
        if (key == null
                || !(message instanceof Message.Proof(var mac))
                || !PresharedKey.isSame(mac, key.senderProof(nonce, body))) {
            throw new ProtocolException(
                    ErrorCode.IDENTITY, "that is no proof of the receiver's shared key");
        }
        challenged = null;
        connection.say(new Message.Proved(key.receiverProof(nonce, body)));
        admit(opening);
    }

    private void admit(Message.Opening opening) throws ProtocolException {
        switch (opening) {
            case Message.Hello hello -> {
                check(hello);
                Session.open(services, connection, hello);
            }
            case Message.Attach attach -> attach(attach);
            case Message.Read read -> Reading.open(services, connection, read);
        }
    }

    private static void check(Message.Hello hello) throws ProtocolException {
        if (hello.minVersion() > Limits.VERSION || hello.maxVersion() < Limits.VERSION) {
            throw new ProtocolException(
                    ErrorCode.VERSION,
                    "the sender speaks versions %d to %d of the protocol, the receiver %d"
                            .formatted(hello.minVersion(), hello.maxVersion(), Limits.VERSION));
        }
        if (hello.lanes() < 1) {
            throw new ProtocolException(ErrorCode.LIMIT, "no lanes; at least 1 is needed");
        }
        if (!ImageName.isValid(hello.imageName())) {
            throw new ProtocolException(ErrorCode.NAME, ImageName.rule());
        }
    }

    private void attach(Message.Attach attach) throws ProtocolException {
        Session session = services.sessions().find(attach.token());
        if (session == null) { // nothing is told of sessions that there are
            throw new ProtocolException(ErrorCode.GONE, "a lane of a session that is not open");
        }
        session.attach(connection, attach);
    }

    @Override
    public void over(ErrorCode code, String reason) {
        LOG.warn(
                "connection {} from {} ended before it had a session: {} ({})",
                connection.number(),
                connection.peer(),
                reason,
                code.tag());
        services.events()
                .failed(
                        new ReceiverEvents.SessionInfo(connection.number(), connection.peer(), ""),
                        reason);
    }
}
