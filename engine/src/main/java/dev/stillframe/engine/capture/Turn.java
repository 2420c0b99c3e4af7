package dev.stillframe.engine.capture;

import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;

/**
 * By which one worker sees that another is through with what it was doing: a counter that is odd
 * while its owner is at it. It costs the owner two increments and no lock, and whoever waits does
 * so only for what had begun before it asked: the owner may have begun anew meanwhile, but then
 * with all that the asker had done before in its sight. So it is told apart "you are still at what
 * I must not overtake" from "you are at something later", which a mere flag cannot.
 *
 * <p>{@link #begin} and {@link #end} are for the owner, the rest for anybody.
 */
final class Turn {
    private final AtomicLong count = new AtomicLong();

    void begin() {
        count.incrementAndGet();
    }

    void end() {
        count.incrementAndGet();
    }

    /** A mark of what is under way now, if anything is. */
    long mark() {
        return count.get();
    }

    /** Whether nothing was under way at the mark, or that has ended. */
    boolean hasEnded(long mark) {
        return (mark & 1) == 0 || count.get() != mark;
    }

    /**
     * Returns when what was under way at the call, if anything, has ended, or when {@code givenUp}
     * says so.
     */
    void awaitEnd(BooleanSupplier givenUp) {
        long mark = mark();
        while (!hasEnded(mark) && !givenUp.getAsBoolean()) {
            Waiting.giveWay();
        }
    }
}
