package dev.stillframe.tests.network;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.tests.network.FaultWalk.Step;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class FaultWalkTest {
    private static final long MILLI = 1_000_000;

    private final List<Fault> met = new ArrayList<>();

    @Test
    void withoutFaultsEverythingGoesThrough() {
        FaultWalk walk = walk();
        assertThat(walk.next(100, 0)).isEqualTo(new Step.Forward(100));
        assertThat(walk.next(0, 0)).isEqualTo(new Step.Forward(0));
    }

    @Test
    void aCutComesRightBehindItsByteWithoutWaitingForMore() {
        FaultWalk walk = walk(new Fault.Cut(150, Fault.Cut.How.RESET));
        assertThat(walk.next(100, 0)).isEqualTo(new Step.Forward(100));
        assertThat(walk.next(100, 0)).isEqualTo(new Step.Forward(50));
        assertThat(met).isEmpty();
        assertThat(walk.next(0, 0)).isEqualTo(new Step.End(Fault.Cut.How.RESET));
        assertThat(met).hasSize(1);
    }

    @Test
    void aCutAtTheBeginningLetsNothingThrough() {
        FaultWalk walk = walk(new Fault.Cut(0, Fault.Cut.How.CLOSE));
        assertThat(walk.next(0, 0)).isEqualTo(new Step.End(Fault.Cut.How.CLOSE));
    }

    @Test
    void aFlipWaitsForItsByte() {
        FaultWalk walk = walk(new Fault.Flip(10, 3), new Fault.Flip(10, 4));
        assertThat(walk.next(10, 0)).isEqualTo(new Step.Forward(10));
        assertThat(walk.next(0, 0)).isEqualTo(new Step.Forward(0));
        assertThat(walk.next(5, 0)).isEqualTo(new Step.Flipped(3));
        assertThat(walk.next(4, 0)).isEqualTo(new Step.Forward(4));
        assertThat(met).hasSize(1);
    }

    @Test
    void aStallEnds() {
        FaultWalk walk = walk(new Fault.Stall(10, Duration.ofMillis(5)));
        assertThat(walk.next(20, 0)).isEqualTo(new Step.Forward(10));
        assertThat(walk.next(10, 7)).isEqualTo(new Step.Wait(5 * MILLI));
        assertThat(walk.next(10, 2 * MILLI + 7)).isEqualTo(new Step.Wait(3 * MILLI));
        assertThat(walk.next(10, 5 * MILLI + 7)).isEqualTo(new Step.Forward(10));
    }

    @Test
    void aDripGivesPieceByPieceAndEnds() {
        FaultWalk walk = walk(new Fault.Drip(2, 5, 3, Duration.ofMillis(1)));
        assertThat(walk.next(100, 0)).isEqualTo(new Step.Forward(2));
        assertThat(walk.next(98, 0)).isEqualTo(new Step.Forward(3));
        assertThat(walk.next(95, 0)).isEqualTo(new Step.Wait(MILLI));
        assertThat(walk.next(95, MILLI)).isEqualTo(new Step.Forward(2));
        assertThat(walk.next(93, 2 * MILLI)).isEqualTo(new Step.Forward(93));
    }

    @Test
    void aLimitIsKeptOverAnyTimeAndReached() {
        FaultWalk walk = walk(new Fault.Limit(0, 100_000, 1_000_000, 1000));
        long now = 0;
        long through = 0;
        while (through < 100_000) {
            switch (walk.next(5000, now)) {
                case Step.Forward(var count) -> through += count;
                case Step.Wait(var nanos) -> now += nanos;
                case Step other -> throw new AssertionError(other);
            }
            assertThat(through).isLessThanOrEqualTo(1000 + now / 1000);
        }
        assertThat(now).isBetween(99 * MILLI, 100 * MILLI);
        assertThat(walk.next(5000, now)).isEqualTo(new Step.Forward(5000));
    }

    @Test
    void faultsAtOnePlaceAllCount() {
        FaultWalk walk =
                walk(
                        new Fault.Stall(5, Duration.ofMillis(1)),
                        new Fault.Stall(5, Duration.ofMillis(2)),
                        new Fault.BlackHole(5));
        assertThat(walk.next(5, 0)).isEqualTo(new Step.Forward(5));
        assertThat(walk.next(5, 0)).isEqualTo(new Step.Wait(MILLI));
        assertThat(walk.next(5, MILLI)).isEqualTo(new Step.Wait(2 * MILLI));
        assertThat(walk.next(5, 3 * MILLI)).isEqualTo(new Step.Silence());
        assertThat(met).hasSize(3);
    }

    private FaultWalk walk(Fault... faults) {
        return new FaultWalk(List.of(faults), met::add);
    }
}
