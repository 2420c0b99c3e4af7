package dev.stillframe.engine.capture;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Tries every order of the steps of real code in which at most so many actors are interrupted: an
 * actor whose turn it is goes on until it waits or ends, but for that many times. Nothing can be
 * told of the state of real code, so no state is recognised, and every order is taken from the
 * beginning.
 */
final class Schedules {
    /** So many steps no order takes that ends. */
    private static final int STEPS_MAX = 3_000;

    /** A fresh system whose actors take steps, one at a time. */
    interface Steps extends AutoCloseable {
        /** The actors that can take a step now. */
        List<String> able();

        /** One step of an actor; what it did, in words. */
        String step(String actor);

        /** What is wrong at the end, when nobody can take a step; null: nothing. */
        @Nullable String fault();

        @Override
        void close();
    }

    /** How many orders there were, and the first that ended wrong. */
    record Findings(int orders, @Nullable String fault, List<String> order) {}

    /** The beginning of an order, and how many more interruptions may follow. */
    private record Prefix(List<String> actors, int left) {}

    private final Deque<Prefix> open = new ArrayDeque<>();

    private Schedules() {}

    /** Takes all of them, or up to the first fault. */
    static Findings explore(Supplier<? extends Steps> system, int interruptions) {
        Schedules schedules = new Schedules();
        schedules.open.push(new Prefix(List.of(), interruptions));
        int orders = 0;
        while (!schedules.open.isEmpty()) {
            orders++;
            List<String> told = new ArrayList<>();
            try (Steps steps = system.get()) {
                String fault = schedules.run(steps, schedules.open.pop(), told);
                if (fault != null) {
                    return new Findings(orders, fault, told);
                }
            }
        }
        return new Findings(orders, null, List.of());
    }

    /**
     * Takes the steps of the prefix, then lets whoever is at it go on, and notes what else could be
     * done.
     */
    private @Nullable String run(Steps steps, Prefix prefix, List<String> told) {
        List<String> taken = new ArrayList<>();
        String last = "";
        for (List<String> able = steps.able(); !able.isEmpty(); able = steps.able()) {
            boolean goesOn = able.contains(last);
            String actor = goesOn ? last : able.getFirst();
            if (taken.size() < prefix.actors().size()) {
                actor = prefix.actors().get(taken.size());
            } else {
                int left = prefix.left() - (goesOn ? 1 : 0);
                for (String other : able) {
                    if (left >= 0 && !other.equals(actor)) {
                        List<String> instead = new ArrayList<>(taken);
                        instead.add(other);
                        open.push(new Prefix(instead, left));
                    }
                }
            }
            told.add(actor + ": " + steps.step(actor));
            taken.add(actor);
            last = actor;
            if (taken.size() > STEPS_MAX) {
                return "no end after " + STEPS_MAX + " steps";
            }
        }
        return steps.fault();
    }
}
