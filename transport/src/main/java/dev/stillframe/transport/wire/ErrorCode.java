package dev.stillframe.transport.wire;

import java.util.Locale;

/**
 * Why a session, or one attempt at it, was given up. The numbers are frozen: they are on the wire.
 */
public enum ErrorCode {
    /** Bytes that are not a frame, or a frame whose contents break the format. */
    MALFORMED(1),
    /** No common protocol version. */
    VERSION(2),
    /** A message at a time when it is not allowed. */
    ORDER(3),
    /** Not the name of an image. */
    NAME(4),
    /** More than a limit allows. */
    LIMIT(5),
    /** A feature that this version does not have. */
    UNSUPPORTED(6),
    /** A layout or a list of what is missing that cannot be read. */
    DOCUMENT(7),
    /**
     * Pages that do not belong to the image, come twice or are damaged, or an image that is not
     * complete.
     */
    IMAGE(8),
    /** The receiver cannot store: disk full, name taken. */
    STORE(9),
    /** The receiver has too many sessions. */
    BUSY(10),
    /** The peer was too slow or silent. */
    TIMEOUT(11),
    /** The receiver is shutting down. */
    SHUTDOWN(12),
    /** A bug. */
    INTERNAL(13),
    /** The connection was lost. Counted, but never on the wire. */
    CUT(14),
    /** The sender gave up. Counted; on the wire it is the message ABORT. */
    ABORTED(15),
    /** The contents of a page do not have its hash: damaged on the way. */
    DAMAGED(16),
    /** There is nothing left of a session that was to be taken up again. */
    GONE(17),
    /** The peer is not who it has to be. */
    IDENTITY(18),
    /** The sender has come again; this is its old connection. */
    SUPERSEDED(19),
    /** The receiver does not have the image that the new one shares pages with. */
    PARENT(20);

    private final int number;

    ErrorCode(int number) {
        this.number = number;
    }

    /**
     * Whether another attempt can do better. What may be damage on the way, or a matter of time, is
     * not the end of a session.
     */
    public boolean isPassing() {
        return switch (this) {
            case MALFORMED, DAMAGED, BUSY, TIMEOUT, SHUTDOWN, CUT, SUPERSEDED -> true;
            case VERSION,
                    ORDER,
                    NAME,
                    LIMIT,
                    UNSUPPORTED,
                    DOCUMENT,
                    IMAGE,
                    STORE,
                    INTERNAL,
                    ABORTED,
                    GONE,
                    IDENTITY,
                    PARENT ->
                    false;
        };
    }

    /** The number on the wire. */
    public int number() {
        return number;
    }

    /** The value of the tag {@code code} of the metrics. */
    public String tag() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** The code of a number. */
    static ErrorCode of(int number) throws ProtocolException {
        for (ErrorCode code : values()) {
            if (code.number == number) {
                return code;
            }
        }
        throw new ProtocolException(MALFORMED, "no error code has the number " + number);
    }
}
