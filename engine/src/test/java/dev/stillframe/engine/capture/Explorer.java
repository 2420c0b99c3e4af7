package dev.stillframe.engine.capture;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Tries every order of the atomic steps of a small system, depth first, each state once. A system
 * cannot be copied, so a state is reached again by making a new system and taking the same steps.
 */
final class Explorer {
    private static final int STATES_MAX = 500_000;

    /** Something whose actors take steps, one at a time. */
    interface Steps {
        /** The names of the actors that can take a step now. */
        List<String> able();

        /** One step of an actor; what it did, in words. */
        String step(String actor);

        /** All that the future depends on. */
        String state();

        /** What is wrong at the end, when nobody can take a step; null: nothing. */
        @Nullable String fault();
    }

    /**
     * How many states there were, the ends among them, and the first order of steps that ended
     * wrong.
     */
    record Findings(
            int states, Set<String> ends, @Nullable String fault, List<String> interleaving) {}

    private Explorer() {}

    /** Explores all of it, or up to the first fault. */
    static Findings explore(Supplier<Steps> system) {
        return explore(system, true);
    }

    /**
     * The same; without {@code merging}, what follows a state is tried again each time that the
     * state is reached.
     */
    static Findings explore(Supplier<Steps> system, boolean merging) {
        Set<String> ends = new HashSet<>();
        Set<String> seen = new HashSet<>();
        Deque<List<String>> open = new ArrayDeque<>(List.of(List.of()));
        while (!open.isEmpty()) {
            List<String> path = open.pop();
            Steps steps = system.get();
            List<String> told = new ArrayList<>();
            path.forEach(actor -> told.add(actor + ": " + steps.step(actor)));
            if (!seen.add(steps.state()) && merging) {
                continue;
            }
            if (seen.size() > STATES_MAX) {
                throw new IllegalStateException("more than " + STATES_MAX + " states");
            }
            List<String> able = steps.able();
            if (able.isEmpty()) {
                ends.add(steps.state());
                String fault = steps.fault();
                if (fault != null) {
                    return new Findings(seen.size(), ends, fault, told);
                }
            }
            for (String actor : able) {
                List<String> next = new ArrayList<>(path);
                next.add(actor);
                open.push(next);
            }
        }
        return new Findings(seen.size(), ends, null, List.of());
    }
}
