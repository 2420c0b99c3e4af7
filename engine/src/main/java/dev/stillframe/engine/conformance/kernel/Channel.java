package dev.stillframe.engine.conformance.kernel;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** The two pipes between this JVM and one thread of an actor. Owned by the machine's thread. */
final class Channel implements AutoCloseable {
    private static final int COMMAND_BYTES = 64;

    private final OutputStream commands;
    private final InputStream answers;

    Channel(OutputStream commands, InputStream answers) {
        this.commands = commands;
        this.answers = answers;
    }

    /** What the interpreter can do besides system calls, by the codes of {@code actor.lst}. */
    enum Operation {
        CALL(0),
        LOAD1(1),
        LOAD8(2),
        STORE1(3),
        STORE8(4),
        SWAP1(5),
        CLONE(6),
        HAMMER(7);

        private final long code;

        Operation(long code) {
            this.code = code;
        }
    }

    void send(Operation operation, long... operands) {
        ByteBuffer command = ByteBuffer.allocate(COMMAND_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        command.putLong(operation.code);
        for (long operand : operands) {
            command.putLong(operand);
        }
        try {
            commands.write(command.array());
            commands.flush();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Whether {@link #answer} would not wait. */
    boolean hasAnswer() {
        try {
            return answers.available() >= Long.BYTES;
        } catch (IOException _) {
            return false; // the process has gone, which its state tells
        }
    }

    long answer() {
        try {
            return ByteBuffer.wrap(answers.readNBytes(Long.BYTES))
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .getLong();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void close() {
        try (commands;
                answers) {
            commands.flush();
        } catch (IOException _) {
            // The other end has been killed: there is nothing left to tell it.
        }
    }
}
