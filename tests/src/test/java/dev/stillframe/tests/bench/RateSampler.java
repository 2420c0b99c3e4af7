package dev.stillframe.tests.bench;

import dev.stillframe.tests.target.Counters;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.locks.LockSupport;

/**
 * Looks at a writer's counters about every millisecond from a thread of its own and says afterwards
 * how long the writer was slow. It shares the processors with everybody else: the length of each
 * step is measured, not assumed.
 */
final class RateSampler {
    private static final long STEP_NANOS = 1_000_000;

    private record Step(long startNanos, long nanos, long writes) {
        double rate() {
            return writes * 1e9 / nanos;
        }
    }

    private final Counters counters;
    private final List<Step> steps = new ArrayList<>();
    private final Thread thread;
    private volatile boolean ended;

    private RateSampler(Counters counters) {
        this.counters = counters;
        thread = Thread.ofPlatform().daemon().name("rate sampler").unstarted(this::sample);
    }

    static RateSampler start(Counters counters) {
        RateSampler sampler = new RateSampler(counters);
        sampler.thread.start();
        return sampler;
    }

    /** Ends the sampling and waits for its thread. */
    void stop() throws InterruptedException {
        ended = true;
        thread.join();
    }

    /**
     * Median rate before {@code nanos} of {@link System#nanoTime()}, in writes a second. Call it
     * after the stop.
     */
    double rateBefore(long nanos) {
        double[] rates =
                steps.stream()
                        .filter(step -> step.startNanos < nanos)
                        .mapToDouble(Step::rate)
                        .toArray();
        Arrays.sort(rates);
        return rates[rates.length / 2];
    }

    /**
     * Seconds after {@code nanos} in which the writer made less than half of its rate before. Call
     * it after the stop.
     */
    double slowedSeconds(long nanos) {
        double half = rateBefore(nanos) / 2;
        return steps.stream()
                        .filter(step -> step.startNanos >= nanos && step.rate() < half)
                        .mapToLong(Step::nanos)
                        .sum()
                / 1e9;
    }

    private void sample() {
        long at = System.nanoTime();
        long writes = counters.writes();
        while (!ended) {
            LockSupport.parkNanos(STEP_NANOS);
            long now = System.nanoTime();
            long writesNow = counters.writes();
            steps.add(new Step(at, now - at, writesNow - writes));
            at = now;
            writes = writesNow;
        }
    }
}
