package dev.stillframe.transport.receiver;

import java.nio.ByteBuffer;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/** The sessions that are open, by their secret token. Thread-safe. */
final class Sessions {
    private final Map<ByteBuffer, Session> byToken = new ConcurrentHashMap<>();

    /** Adds a session; the one that had this token before is to be superseded. */
    @Nullable Session put(Session session) {
        return byToken.put(key(session.token()), session);
    }

    @Nullable Session find(byte[] token) {
        return byToken.get(key(token));
    }

    /** Removes this session, if it was not superseded. */
    void remove(Session session) {
        byToken.remove(key(session.token()), session);
    }

    Collection<Session> all() {
        return List.copyOf(byToken.values());
    }

    private static ByteBuffer key(byte[] token) {
        return ByteBuffer.wrap(token);
    }
}
