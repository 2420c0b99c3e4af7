package dev.stillframe.engine.arena;

import io.micrometer.core.instrument.Clock;
import java.time.Duration;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;

/**
 * An open write beside T0, millions of times: what the snapshot copies after T0 (the first figure)
 * and what the page holds in the end (the second) are the same, because an open write is over
 * before T0 or does not begin.
 */
abstract class BarrierStress {
    private static final Duration LIMIT = Duration.ofSeconds(30);

    private static final int PAUSES = 20;

    private final WriteBarrier barrier;
    private int page;

    private BarrierStress(Runnable fenceAllThreads) {
        barrier = new WriteBarrier(1, Clock.SYSTEM, fenceAllThreads);
        barrier.write(0, () -> {}); // from now on writes to it are open ones
    }

    final void write() {
        long[] slot = WriterSlots.mine();
        if (barrier.begin(slot, 0)) {
            for (int i = 0; i < PAUSES; i++) {
                Thread.onSpinWait(); // as if its processor were taken away: the store comes long
                // after the look
            }
            page = 1;
            WriterSlots.leave(slot);
        }
    }

    final int snapshot() {
        try {
            barrier.instant(new Nothing(barrier.nextEpoch()), LIMIT);
        } catch (ArenaException e) {
            throw new IllegalStateException("no T0", e);
        }
        return page;
    }

    final int page() {
        return page;
    }

    /** Wants no page. */
    private record Nothing(int epoch) implements WriteBarrier.Copying {
        @Override
        public boolean copy(int page) {
            return true;
        }
    }

    /** The barrier as it is. */
    @JCStressTest
    @State
    @Outcome(id = "0, 0", expect = Expect.ACCEPTABLE, desc = "T0 came first: no open write")
    @Outcome(id = "1, 1", expect = Expect.ACCEPTABLE, desc = "the write came first, and was copied")
    @Outcome(expect = Expect.FORBIDDEN, desc = "a write on the wrong side of T0")
    public static class Fenced extends BarrierStress {
        public Fenced() {
            super(WriterSlots::fenceAllThreads);
        }

        @Actor
        public void writes() {
            write();
        }

        @Actor
        public void takes(II_Result result) {
            result.r1 = snapshot();
        }

        @Arbiter
        public void ends(II_Result result) {
            result.r2 = page();
        }
    }

    /**
     * A mutant, which shows that the test would see it: nobody is fenced but the snapshot itself.
     */
    @JCStressTest
    @State
    @Outcome(id = "0, 0", expect = Expect.ACCEPTABLE, desc = "T0 came first: no open write")
    @Outcome(id = "1, 1", expect = Expect.ACCEPTABLE, desc = "the write came first, and was copied")
    @Outcome(expect = Expect.FORBIDDEN, desc = "a write on the wrong side of T0")
    public static class Unfenced extends BarrierStress {
        public Unfenced() {
            super(() -> {});
        }

        @Actor
        public void writes() {
            write();
        }

        @Actor
        public void takes(II_Result result) {
            result.r1 = snapshot();
        }

        @Arbiter
        public void ends(II_Result result) {
            result.r2 = page();
        }
    }
}
