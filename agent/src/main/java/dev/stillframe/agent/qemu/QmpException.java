package dev.stillframe.agent.qemu;

import java.io.IOException;

/** QEMU refused a command; the message is QEMU's own, with the command before it. */
public final class QmpException extends IOException {
    private static final long serialVersionUID = 1;

    private final String errorClass;

    QmpException(String command, String errorClass, String description) {
        super("QEMU refused " + command + ": " + description);
        this.errorClass = errorClass;
    }

    /** QEMU's class of the error: {@code GenericError}, {@code CommandNotFound}. */
    public String errorClass() {
        return errorClass;
    }
}
