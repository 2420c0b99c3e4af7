package dev.stillframe.tests.mmu;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;

/** Rounds of asynchronous tracking: each page that was written is reported once, and no other. */
class AsyncPropertyTest {
    @Provide
    Arbitrary<List<AsyncWorld.Move>> moves() {
        return Combinators.combine(
                        Arbitraries.of(AsyncWorld.Step.class),
                        Arbitraries.integers().between(0, AsyncWorld.PAGES - 1))
                .as(AsyncWorld.Move::new)
                .list()
                .ofMaxSize(40);
    }

    @Property
    void roundsReportExactlyWhatWasWritten(@ForAll("moves") List<AsyncWorld.Move> moves) {
        assertThat(new AsyncWorld().isExact(moves)).isTrue();
    }
}
