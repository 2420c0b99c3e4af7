package dev.stillframe.engine.capture;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.engine.capture.ClaimSystem.Discipline;
import java.util.List;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Every order in which writers, a handler and a sweeper can meet at a page's claim. */
class ClaimInterleavingsTest {
    static Stream<Arguments> systems() {
        return Stream.of(
                Arguments.of(1, new int[][] {{0}}),
                Arguments.of(1, new int[][] {{0}, {0}}),
                Arguments.of(2, new int[][] {{0, 1}}),
                Arguments.of(2, new int[][] {{0}, {1}}),
                Arguments.of(2, new int[][] {{0, 1}, {0}}),
                Arguments.of(2, new int[][] {{0, 1}, {1, 0}}));
    }

    @ParameterizedTest
    @MethodSource("systems")
    void withThreeStatesEveryOrderGivesTheImageOfTheInstant(int pages, int[][] routes) {
        Explorer.Findings findings =
                Explorer.explore(() -> new ClaimSystem(Discipline.THREE_STATES, pages, routes));
        System.out.printf(
                "%d pages, %d writers: %d states, %d ends%n",
                pages, routes.length, findings.states(), findings.ends().size());
        assertThat(findings.fault()).as(() -> String.join("\n", findings.interleaving())).isNull();
        assertThat(findings.ends()).isNotEmpty();
    }

    @ParameterizedTest
    @MethodSource("systems")
    void withTwoStatesALateCopyIsFound(int pages, int[][] routes) {
        expectTorn(Discipline.TWO_STATES, pages, routes);
    }

    @ParameterizedTest
    @MethodSource("systems")
    void unprotectingBeforeTheCopyIsFound(int pages, int[][] routes) {
        expectTorn(Discipline.UNPROTECT_FIRST, pages, routes);
    }

    private static void expectTorn(Discipline discipline, int pages, int[][] routes) {
        Explorer.Findings findings =
                Explorer.explore(() -> new ClaimSystem(discipline, pages, routes));
        System.out.printf(
                "%s: %s after%n  %s%n",
                discipline.name(), findings.fault(), String.join("\n  ", findings.interleaving()));
        assertThat(findings.fault()).contains("is not that of T0");
    }

    @Test
    void visitingEachStateOnceLosesNothing() {
        Supplier<Explorer.Steps> system =
                () -> new ClaimSystem(Discipline.THREE_STATES, 1, new int[] {0});
        Explorer.Findings merged = Explorer.explore(system);
        Explorer.Findings all = Explorer.explore(system, false);
        assertThat(all.states()).isEqualTo(merged.states());
        assertThat(all.ends()).isEqualTo(merged.ends());
    }

    @Test
    void aWriterThatNobodyAnswersIsFound() {
        Explorer.Findings findings =
                Explorer.explore(
                        () ->
                                new Unanswered(
                                        new ClaimSystem(
                                                Discipline.THREE_STATES,
                                                1,
                                                new int[] {0},
                                                new int[] {0})));
        assertThat(findings.fault()).contains("parked");
    }

    /** The same system, but whoever would wake does nothing. */
    private record Unanswered(ClaimSystem system) implements Explorer.Steps {
        @Override
        public List<String> able() {
            return system.able().stream().filter(actor -> actor.startsWith("writer")).toList();
        }

        @Override
        public String step(String actor) {
            return system.step(actor);
        }

        @Override
        public String state() {
            return system.state();
        }

        @Override
        public @Nullable String fault() {
            return system.fault();
        }
    }
}
