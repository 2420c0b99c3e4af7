package dev.stillframe.engine.conformance.model;

import dev.stillframe.engine.conformance.Reply;
import dev.stillframe.engine.mmu.Mmu;
import dev.stillframe.engine.mmu.Outcome;
import dev.stillframe.engine.mmu.Task;

/** The loop of {@code hammer} on the model, some turns at a time. Owned by the machine's thread. */
final class ModelHammer {
    private static final int TURNS_AT_ONCE = 5;

    private final Task task;
    private final long start;
    private final long bytes;
    private long at;
    private long stores;
    private boolean isHalted;
    private boolean isStoring;
    private boolean hasBegun;

    ModelHammer(Task task, long start, long bytes) {
        this.task = task;
        this.start = start;
        this.bytes = bytes;
    }

    void halt() {
        isHalted = true;
    }

    /** Goes on for some turns, or until it parks or has to stop. */
    void run() {
        for (int step = 0; step < 2 * TURNS_AT_ONCE && !isParked() && !hasEnded(); step++) {
            step();
        }
    }

    /** One load, or the store that follows it. */
    private void step() {
        if (hasBegun && task.outcome() instanceof Outcome.Done(long value)) {
            if (isStoring) {
                stores++;
                at = at + Mmu.PAGE_BYTES < bytes ? at + Mmu.PAGE_BYTES : 0;
                isStoring = false;
                hasBegun = false;
            } else {
                isStoring = true;
                task.store(start + at, value + 1, Long.BYTES);
            }
        } else {
            hasBegun = true;
            task.load(start + at, Long.BYTES);
        }
    }

    private boolean isParked() {
        return hasBegun && task.isParked();
    }

    private boolean hasEnded() {
        return isHalted && !hasBegun;
    }

    Reply reply() {
        if (hasEnded()) {
            return Reply.Done.of(stores);
        }
        return hasBegun && task.outcome() instanceof Outcome.Parked(_, boolean interruptible)
                ? new Reply.Parked(interruptible)
                : new Reply.Busy();
    }
}
