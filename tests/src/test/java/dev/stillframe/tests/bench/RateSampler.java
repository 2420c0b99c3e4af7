package dev.stillframe.tests.bench;

import dev.stillframe.tests.target.Counters;
import java.time.Duration;
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

    /** Mean rate between two values of {@link System#nanoTime()}. Call it after the stop. */
    double rate(long fromNanos, long toNanos) {
        return meanRate(between(fromNanos, toNanos));
    }

    /** The least mean rate in any time of at least {@code span} between the two, likewise. */
    double slowestRate(long fromNanos, long toNanos, Duration span) {
        List<Step> all = between(fromNanos, toNanos);
        double slowest = meanRate(all);
        int first = 0;
        for (int last = 0; last < all.size(); last++) {
            long end = all.get(last).startNanos + all.get(last).nanos;
            while (first <= last && end - all.get(first).startNanos >= span.toNanos()) {
                slowest = Math.min(slowest, meanRate(all.subList(first, last + 1)));
                first++;
            }
        }
        return slowest;
    }

    private List<Step> between(long fromNanos, long toNanos) {
        return steps.stream()
                .filter(
                        step ->
                                step.startNanos >= fromNanos
                                        && step.startNanos + step.nanos <= toNanos)
                .toList();
    }

    private static double meanRate(List<Step> some) {
        return some.stream().mapToLong(Step::writes).sum()
                * 1e9
                / some.stream().mapToLong(Step::nanos).sum();
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
