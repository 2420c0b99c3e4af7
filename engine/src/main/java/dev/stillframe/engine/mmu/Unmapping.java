package dev.stillframe.engine.mmu;

import dev.stillframe.engine.mmu.Announced.Step;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** munmap(2), and what other calls unmap on their way. Stateless; under the model's lock. */
final class Unmapping {
    private Unmapping() {}

    /**
     * Unmaps at once; what is left are the events about it: one for each context, of all that was
     * asked for.
     */
    static List<Step> steps(AddressSpace mm, long start, long end) {
        Map<Context, Step> steps = new LinkedHashMap<>();
        if (start >= end) {
            return new ArrayList<>();
        }
        for (Vma vma : mm.isolate(start, end)) {
            mm.mmu.ranges().clear(mm, vma.start(), vma.end());
            mm.remove(vma);
            Context context = vma.context();
            if (context != null && context.has(Feature.EVENT_UNMAP)) {
                steps.computeIfAbsent(
                        context, c -> Step.told(c, new Message.Unmap(start, end), start));
            }
        }
        return new ArrayList<>(steps.values());
    }
}
