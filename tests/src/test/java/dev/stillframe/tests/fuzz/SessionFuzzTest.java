package dev.stillframe.tests.fuzz;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.stillframe.transport.receiver.SessionReplay;
import dev.stillframe.transport.wire.Message;
import dev.stillframe.transport.wire.ProtocolException;
import java.lang.foreign.Arena;
import java.time.Duration;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * A hostile sender. The first byte of an input chooses pieces and whether the disk is late, the
 * rest is a {@link SessionScript}.
 */
class SessionFuzzTest {
    /**
     * A layout's tokens become objects; a part of a document may be announced that does not come.
     */
    private static final Budget BUDGET = new Budget(2 << 20, 64, Duration.ofSeconds(2));

    private static final Arena ARENA = Arena.ofShared(); // as long as the JVM: one for all inputs
    private static final BatchBuffers BUFFERS = new BatchBuffers(ARENA);

    static Stream<byte[]> seeds() {
        return Stream.of(
                // all in one batch, then END
                script(0, 1, 3, 1, 0, 1, 2, 0, 6, 2, 4, 1, 6),
                // three batches of zeros, data and lost pages, in the wrong order, END before the
                // last
                script(
                        2, 1, 3, 2, 0, 1, 2, 2, 2, 3, 3, 0, 1, 3, 4, 2, 2, 4, 3, 6, 3, 1, 0, 1, 1,
                        0, 2),
                // a late disk, keep-alives and a ping
                script(
                        3, 8, 11, 0, 8, 19, 8, 1, 2, 3, 4, 5, 6, 7, 8, 1, 8, 11, 0, 2, 8, 10, 2, 0,
                        0),
                // a layout in three parts
                script(5, 7, 0, 2, 0, 7, 0, 2, 1, 7, 0, 2, 2, 3, 1, 0, 2, 1, 0, 5, 1, 5, 1),
                // not a layout, not a list, not a frame
                script(6, 5, 4, 'n', 'u', 'l', 'l'),
                script(6, 1, 6, 3, '[', '{', ']', 4, 0, 0),
                script(6, 9, 5, 'G', 'E', 'T', ' ', '/'));
    }

    /** What fuzzing has found, each of a path of its own. */
    static Stream<byte[]> found() {
        return Corpus.of(SessionFuzzTest.class);
    }

    @MethodSource({"seeds", "found"})
    @FuzzTest
    void acceptsOnlyWhatTheLayoutHas(byte[] input) throws ProtocolException {
        Cursor cursor = new Cursor(input);
        int first = cursor.next();
        byte[] stream = SessionScript.stream(cursor);
        BUDGET.spend(stream.length, () -> play(stream, first));
        BUFFERS.checkAllReleased();
    }

    /** How many messages were taken. */
    private static int play(byte[] stream, int first) throws ProtocolException {
        int messages = 0;
        try (PiecewiseReader reader = new PiecewiseReader(stream, BUFFERS, first / 2);
                SessionReplay session = new SessionReplay(first % 2 != 0)) {
            Message message;
            while (!session.isEnded() && (message = reader.next()) != null) {
                messages++;
                session.receive(message);
            }
        } catch (ProtocolException e) {
            return messages; // refused, as it has to be
        }
        return messages;
    }

    private static byte[] script(int... bytes) {
        byte[] script = new byte[bytes.length];
        for (int i = 0; i < bytes.length; i++) {
            script[i] = (byte) bytes[i];
        }
        return script;
    }
}
