package dev.stillframe.tests.bench;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.IOException;
import java.nio.ByteBuffer;

/** Counts a server's answers, all of which have to be the expected one. Owned by one thread. */
final class Answers {
    private final byte[] answer;
    private long bytes;

    Answers(Subject subject) {
        this.answer = subject.answer();
    }

    /**
     * Takes what has come; how many answers are complete by now, with those before.
     *
     * @throws IOException if it is another answer, with its beginning
     */
    long take(ByteBuffer come) throws IOException {
        for (; come.hasRemaining(); bytes++) {
            if (come.get() != answer[(int) (bytes % answer.length)]) {
                come.position(come.position() - 1);
                throw new IOException("the server refused: " + US_ASCII.decode(come));
            }
        }
        return bytes / answer.length;
    }
}
