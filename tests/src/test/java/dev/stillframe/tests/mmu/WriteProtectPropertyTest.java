package dev.stillframe.tests.mmu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.engine.mmu.CowPolicy;
import java.util.List;
import java.util.Set;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.lifecycle.PerProperty;
import net.jqwik.api.lifecycle.PropertyExecutionResult;

/**
 * What holds for any sequence of operations under which rule of copy-on-write; and that the same checks find what was
 * wrong with the rules of history, in the fewest steps. The seed of each property is in its report.
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
        assertThat(violations(CowPolicy.FORCED_WRITE, actions)).isSubsetOf(Violation.TOLD_READ, Violation.LEAK);
    }

    @Property
    @PerProperty(ThreeSteps.class)
    void theSecondVersionLosesAWrite(@ForAll("runs") List<Action> actions) {
        assertThat(violations(CowPolicy.V2, actions)).doesNotContain(Violation.MISSED_WRITE);
    }

    @Property
    @PerProperty(TwoSteps.class)
    void forcedWritesTellARead(@ForAll("runs") List<Action> actions) {
        assertThat(violations(CowPolicy.FORCED_WRITE, actions)).doesNotContain(Violation.TOLD_READ);
    }

    @Property(tries = 20_000)
    @PerProperty(SixSteps.class)
    void theOldestRuleLeaks(@ForAll("runs") List<Action> actions) {
        assertThat(violations(CowPolicy.PRE, actions)).doesNotContain(Violation.LEAK);
    }

    /** The property must fail, and its smallest failure must have at most so many steps: protect, read, write. */
    static final class ThreeSteps extends Refuted {
        ThreeSteps() {
            super(3);
        }
    }

    /** Protect, read. */
    static final class TwoSteps extends Refuted {
        TwoSteps() {
            super(2);
        }
    }

    /** Fork, keep a reference, unmap, write; or a detour that has no shorter neighbour. */
    static final class SixSteps extends Refuted {
        SixSteps() {
            super(6);
        }
    }

    abstract static class Refuted implements PerProperty.Lifecycle {
        private final int steps;

        Refuted(int steps) {
            this.steps = steps;
        }

        @Override
        public void onSuccess() {
            throw new AssertionError("no counterexample was found");
        }

        @Override
        public PropertyExecutionResult onFailure(PropertyExecutionResult result) {
            List<?> actions = (List<?>)
                    result.falsifiedParameters().orElseThrow(AssertionError::new).getFirst();
            System.out.printf("seed %s: %s%n", result.seed().orElse("?"), actions);
            if (actions.size() > steps) {
                return result;
            }
            return result.mapToSuccessful();
        }
    }
}
