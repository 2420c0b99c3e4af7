package dev.stillframe.engine.capture;

/**
 * Told how far a snapshot is. Calls come from engine threads; an implementation returns at once and
 * never throws.
 */
@FunctionalInterface
public interface Progress {
    /** Hears nothing. */
    Progress NONE = (step, done, total) -> {};

    /** Where a snapshot stands, in order. */
    enum Step {
        /** Finding the mappings and preparing staging; the target runs untouched. */
        PREPARE,
        /** The userfaultfd is being made in the target. */
        ATTACH,
        /** All memory is being copied; the target runs, and waits for nothing. */
        FIRST_ROUND,
        /** What was written meanwhile is being copied again, in rounds that become shorter. */
        ROUNDS,
        /**
         * Little is left to be copied: the sooner that is over, the less of it is written again.
         */
        LAST_ROUNDS,
        /** Memory is being write-protected; the target runs. */
        ARM,
        /** The target is stopped: T0. */
        FREEZE,
        /** The target runs; its memory is being copied. */
        SWEEP,
        /** All is copied and the target is released; pages go to the sink. */
        DRAIN,
        /** The image is being verified and published. */
        PUBLISH
    }

    /**
     * Now in {@code step}, {@code doneBytes} of {@code totalBytes} taken by the sink; 0 of 0 before
     * T0.
     */
    void at(Step step, long doneBytes, long totalBytes);
}
