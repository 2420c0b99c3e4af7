package dev.stillframe.engine.linux;

import java.io.IOException;

/** A system call that the kernel refused: the call with its arguments, and errno's name. */
public final class ErrnoException extends IOException {
    private static final long serialVersionUID = 1;

    private final int errno;

    /** {@code call} is the call as a person would write it, with its arguments. */
    public ErrnoException(String call, int errno) {
        super(call + ": " + Errno.nameOf(errno));
        this.errno = errno;
    }

    /** Whether the kernel's answer was {@code expected}. */
    public boolean is(Errno expected) {
        return errno == expected.number();
    }
}
