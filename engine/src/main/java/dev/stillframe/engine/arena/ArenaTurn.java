package dev.stillframe.engine.arena;

import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/** What an arena is doing beside being read and written: one thing at a time. Thread-safe. */
public final class ArenaTurn {
    private static final String CLOSING = "closing";

    private final String arena;
    private final AtomicReference<@Nullable String> taken = new AtomicReference<>();

    /** Of the arena of this name. */
    public ArenaTurn(String arena) {
        this.arena = arena;
    }

    /**
     * Takes the turn.
     *
     * @param what is told to whoever comes meanwhile: {@code a snapshot}
     * @throws IllegalStateException if somebody has it
     */
    public void begin(String what) {
        String other = taken.compareAndExchange(null, what);
        if (other != null) {
            throw new IllegalStateException(
                    "%s of arena %s while %s is running".formatted(what, arena, other));
        }
    }

    /** Gives it back; for whoever has it. */
    public void end() {
        taken.set(null);
    }

    /**
     * Takes it for good. True the first time, which is when the arena is to be closed.
     *
     * @throws IllegalStateException if somebody has it
     */
    public boolean close() {
        String other = taken.compareAndExchange(null, CLOSING);
        if (other != null && !other.equals(CLOSING)) {
            throw new IllegalStateException(
                    "close of arena %s while %s is running".formatted(arena, other));
        }
        return other == null;
    }
}
