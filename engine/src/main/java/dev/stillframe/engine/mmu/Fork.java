package dev.stillframe.engine.mmu;

import dev.stillframe.engine.mmu.Announced.Step;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * fork(2): descriptors first, then memory, then the contexts that want to know are told: dup_mmap.
 */
final class Fork {
    private final Task task;
    private final Map<Context, Context> contexts = new HashMap<>();
    private final List<Step> steps = new ArrayList<>();

    Fork(Task task) {
        this.task = task;
    }

    /** Duplicates all at once; what is left are the events. */
    Operation begin() {
        AddressSpace parent = task.mm();
        AddressSpace memory = new AddressSpace(task.mmu());
        EmulatedProcess child = task.process().child(memory);
        for (Vma vma : parent.all()) {
            if (vma.marks().dontFork()) {
                continue;
            }
            Context context = contextFor(vma, memory);
            boolean wiped = vma.marks().wipeOnFork();
            Vma.Family family =
                    vma.family() == null || wiped
                            ? null
                            : new Vma.Family(); // never one with the parent's
            Vma copy =
                    vma.registered(context, context == null ? 0 : vma.modes())
                            .withFamily(family)
                            .with(vma.marks().forChild());
            memory.add(copy);
            if (!wiped) {
                task.mmu().ranges().duplicate(parent, vma, memory, copy);
            }
        }
        return new Announced(
                steps,
                new Outcome.Done(child.id()),
                child::exit); // no child without its parent's return
    }

    private @Nullable Context contextFor(Vma vma, AddressSpace memory) {
        Context context = vma.context();
        if (context == null || !context.has(Feature.EVENT_FORK)) {
            return null;
        }
        return contexts.computeIfAbsent(
                context,
                parent -> {
                    Context child = parent.forChild(memory);
                    steps.add(
                            Step.told(parent, new Message.Fork(new Userfault(child)), vma.start()));
                    return child;
                });
    }
}
