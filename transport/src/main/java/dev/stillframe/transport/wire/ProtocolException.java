package dev.stillframe.transport.wire;

/** The peer broke a rule. The connection is given up; nothing else is affected. */
public final class ProtocolException extends Exception {
    private static final long serialVersionUID = 1;

    private final ErrorCode code;

    /**
     * With the rule that was broken.
     *
     * @param message what came and what the rule is
     */
    public ProtocolException(ErrorCode code, String message) {
        super(message);
        this.code = code;
    }

    /** What the peer is told. */
    public ErrorCode code() {
        return code;
    }
}
