package dev.stillframe.tests.mmu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.engine.mmu.CowPolicy;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import net.jqwik.api.AfterFailureMode;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.lifecycle.PerProperty;
import net.jqwik.api.lifecycle.PropertyExecutionResult;

/**
 * What holds for any sequence of operations under which rule of copy-on-write; and that the same
 * checks find what was wrong with the rules of history, in the fewest steps. The seed of each
 * property is in its report.
 */
class WriteProtectPropertyTest {
    @Provide
    Arbitrary<List<Action>> runs() {
        return Combinators.combine(
                        Arbitraries.of(Action.Kind.class),
                        Arbitraries.integers().between(0, 3),
                        Arbitraries.integers().between(0, World.PAGES - 1))
                .as(Action::new)
                .list()
                .ofMaxSize(40);
    }

    private static Set<Violation> violations(CowPolicy policy, List<Action> actions) {
        return new World(policy).run(actions);
    }

    @Property
    void modernRulesKeepEveryPromise(@ForAll("runs") List<Action> actions) {
        assertThat(violations(CowPolicy.MODERN, actions)).isEmpty();
    }

    @Property
    void countingReferencesKeepsEveryPromise(@ForAll("runs") List<Action> actions) {
        assertThat(violations(CowPolicy.PAGECOUNT, actions)).isEmpty();
    }

    @Property
    void theThirdVersionTellsEveryWriteAndNoRead(@ForAll("runs") List<Action> actions) {
        assertThat(violations(CowPolicy.V3, actions)).isSubsetOf(Violation.LEAK);
    }

    @Property
    void theOldestRuleTellsEveryWriteAndNoRead(@ForAll("runs") List<Action> actions) {
        assertThat(violations(CowPolicy.PRE, actions)).isSubsetOf(Violation.LEAK);
    }

    @Property
    void forcedWritesMissNoWrite(@ForAll("runs") List<Action> actions) {
        assertThat(violations(CowPolicy.FORCED_WRITE, actions))
                .isSubsetOf(Violation.TOLD_READ, Violation.LEAK);
    }

    @Property(afterFailure = AfterFailureMode.RANDOM_SEED)
    @PerProperty(LostWrite.class)
    void theSecondVersionLosesAWrite(@ForAll("runs") List<Action> actions) {
        assertThat(violations(CowPolicy.V2, actions)).doesNotContain(Violation.MISSED_WRITE);
    }

    @Property(afterFailure = AfterFailureMode.RANDOM_SEED)
    @PerProperty(ToldRead.class)
    void forcedWritesTellARead(@ForAll("runs") List<Action> actions) {
        assertThat(violations(CowPolicy.FORCED_WRITE, actions)).doesNotContain(Violation.TOLD_READ);
    }

    @Property(tries = 20_000, afterFailure = AfterFailureMode.RANDOM_SEED)
    @PerProperty(Leak.class)
    void theOldestRuleLeaks(@ForAll("runs") List<Action> actions) {
        assertThat(violations(CowPolicy.PRE, actions)).doesNotContain(Violation.LEAK);
    }

    /** Protect, read, write. */
    static final class LostWrite extends Refuted {
        LostWrite() {
            super(CowPolicy.V2, Violation.MISSED_WRITE, 3);
        }
    }

    /** Protect, read. */
    static final class ToldRead extends Refuted {
        ToldRead() {
            super(CowPolicy.FORCED_WRITE, Violation.TOLD_READ, 2);
        }
    }

    /**
     * Fork, keep a reference, unmap, write; or a detour from which no single step can be left out.
     */
    static final class Leak extends Refuted {
        Leak() {
            super(CowPolicy.PRE, Violation.LEAK, 6);
        }
    }

    /** A property that must fail, with a smallest failure of at most so many steps. */
    abstract static class Refuted implements PerProperty.Lifecycle {
        private final CowPolicy policy;
        private final Violation violation;
        private final int steps;

        Refuted(CowPolicy policy, Violation violation, int steps) {
            this.policy = policy;
            this.violation = violation;
            this.steps = steps;
        }

        @Override
        public void onSuccess() {
            throw new AssertionError("no counterexample was found");
        }

        @Override
        public PropertyExecutionResult onFailure(PropertyExecutionResult result) {
            List<?> shrunk =
                    (List<?>)
                            result.falsifiedParameters()
                                    .orElseThrow(AssertionError::new)
                                    .getFirst();
            List<Action> smallest =
                    withoutIdleSteps(shrunk.stream().map(Action.class::cast).toList());
            System.out.printf(
                    "%s, %s, seed %s: %s%n",
                    policy, violation, result.seed().orElse("?"), smallest);
            return smallest.size() > steps ? result : result.mapToSuccessful();
        }

        /**
         * Shrinking stops early now and then; this leaves out each step that the failure does not
         * need.
         */
        private List<Action> withoutIdleSteps(List<Action> actions) {
            for (int i = 0; i < actions.size(); i++) {
                List<Action> fewer = new ArrayList<>(actions);
                fewer.remove(i);
                if (violations(policy, fewer).contains(violation)) {
                    return withoutIdleSteps(fewer);
                }
            }
            return actions;
        }
    }
}
