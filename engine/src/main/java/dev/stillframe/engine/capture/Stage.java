package dev.stillframe.engine.capture;

/**
 * How far a snapshot has come as far as its target can feel it; what must be undone follows from it
 * alone. Immutable.
 *
 * <p>{@code ATTACHED -> ARMING -> FROZEN -> SWEEPING -> FREE}, and from each of them straight to
 * {@code FREE}.
 */
sealed interface Stage {
    /** Nothing is protected, and nobody stands. */
    record Attached() implements Stage {}

    /** Its memory is being protected while its threads run, watched by us. */
    record Arming() implements Stage {}

    /** Its threads are being stopped, or stand. */
    record Frozen() implements Stage {}

    /** Its threads run by themselves; its memory is protected until it is copied. */
    record Sweeping() implements Stage {}

    /** Nothing of ours is in it any more. */
    record Free() implements Stage {}

    /** What a snapshot does to its target. */
    enum Event {
        /** From now on memory may be protected. */
        PROTECT,
        /** The first thread is about to be stopped. */
        STOP,
        /** Every thread goes on. */
        THAW,
        /** All protection is away, and every thread goes on. */
        RELEASE
    }

    /** Whether memory of the target may be protected. */
    default boolean isProtected() {
        return this instanceof Arming || this instanceof Frozen || this instanceof Sweeping;
    }

    /** Whether threads of the target may stand or be watched. */
    default boolean isHeld() {
        return this instanceof Arming || this instanceof Frozen;
    }

    /**
     * The stage after {@code event}.
     *
     * @throws IllegalStateException if it cannot happen in this stage: a bug in the engine
     */
    default Stage on(Event event) {
        record Happening(Stage from, Event event) {}
        return switch (new Happening(this, event)) {
            case Happening(Attached _, Event e) when e == Event.PROTECT -> new Arming();
            case Happening(Arming _, Event e) when e == Event.STOP -> new Frozen();
            case Happening(Frozen _, Event e) when e == Event.THAW -> new Sweeping();
            case Happening(_, Event e) when e == Event.RELEASE -> new Free();
            default -> throw new IllegalStateException(event + " in " + this);
        };
    }
}
