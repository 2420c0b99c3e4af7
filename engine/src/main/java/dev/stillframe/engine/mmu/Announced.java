package dev.stillframe.engine.mmu;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Changes of mappings that contexts want to hear of: before each step its event must have been
 * read. From the beginning to the end the contexts concerned answer EAGAIN.
 */
final class Announced implements Operation {
    /**
     * Something to do, and whom to tell before.
     *
     * @param context null: nobody
     */
    record Step(
            @Nullable Context context, @Nullable Message message, long address, Runnable action) {
        /** Without an event. */
        static Step silent(Runnable action) {
            return new Step(null, null, 0, action);
        }

        /** An event about what was done already. */
        static Step told(Context context, Message message, long address) {
            return new Step(context, message, address, () -> {});
        }
    }

    private final Deque<Step> steps;
    private final Outcome result;
    private final Runnable undo;
    private boolean waiting;

    Announced(List<Step> steps, Outcome result) {
        this(steps, result, () -> {});
    }

    /** The same, with what is to be done if the thread dies before all was read. */
    Announced(List<Step> steps, Outcome result, Runnable undo) {
        this.undo = undo;
        this.steps = new ArrayDeque<>(steps);
        this.result = result;
        for (Step step : steps) {
            if (step.context != null) {
                step.context.changing++;
            }
        }
    }

    @Override
    public Outcome attempt(Task task) {
        for (Step step = steps.peek(); step != null; step = steps.peek()) {
            if (step.context != null
                    && step.message != null
                    && !waiting
                    && !step.context.released) {
                waiting = true;
                step.context.announce(task, step.message);
                return new Outcome.Parked(step.address, false);
            }
            finish(step);
            step.action.run();
        }
        return result;
    }

    @Override
    public void abandon() {
        for (Step step = steps.peek(); step != null; step = steps.peek()) {
            boolean announced = waiting;
            finish(step);
            if (!announced && step.message instanceof Message.Fork(Userfault child)) {
                child.close();
            }
        }
        undo.run();
    }

    private void finish(Step step) {
        steps.remove();
        waiting = false;
        if (step.context != null) {
            step.context.changing--;
        }
    }
}
