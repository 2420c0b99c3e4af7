package dev.stillframe.transport.wire;

import java.util.Locale;

/** Why a session was given up. The numbers are frozen: they are on the wire. */
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
    ABORTED(15);

    private final int number;

    ErrorCode(int number) {
        this.number = number;
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
