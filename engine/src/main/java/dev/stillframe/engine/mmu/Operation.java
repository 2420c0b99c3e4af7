package dev.stillframe.engine.mmu;

import dev.stillframe.engine.linux.Errno;

/**
 * Something that a thread does, and does again from where it stopped after it was parked. Under the
 * model's lock.
 */
interface Operation {
    /** Goes on as far as possible. */
    Outcome attempt(Task task);

    /** One that only answers. */
    static Operation failing(Errno errno) {
        return _ -> Outcome.failed(errno);
    }

    /** The thread is dying: gives back what the operation holds. */
    default void abandon() {}
}
