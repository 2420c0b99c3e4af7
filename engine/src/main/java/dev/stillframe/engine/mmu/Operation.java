package dev.stillframe.engine.mmu;

/**
 * Something that a thread does, and does again from where it stopped after it was parked. Under the
 * model's lock.
 */
interface Operation {
    /** Goes on as far as possible. */
    Outcome attempt(Task task);

    /** The thread is dying: gives back what the operation holds. */
    default void abandon() {}
}
