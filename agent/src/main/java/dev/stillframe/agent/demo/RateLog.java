package dev.stillframe.agent.demo;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** How fast a writer was, over time. Thread-safe. */
public final class RateLog {
    /** About ten minutes of samples; a demonstration is under one. */
    private static final int SAMPLES_MAX = 60_000;

    /** The steps completed by a moment of the monotonic clock. */
    private record Sample(long nanos, long steps) {}

    private final List<Sample> samples = new ArrayList<>();
    private boolean ended;

    /**
     * Adds a sample.
     *
     * @param nanos {@link System#nanoTime()}, not before the previous sample's
     * @param steps completed since the beginning
     */
    public synchronized void add(long nanos, long steps) {
        if (samples.size() < SAMPLES_MAX) {
            samples.add(new Sample(nanos, steps));
        }
        notifyAll();
    }

    /** No sample will follow: whoever waits for one is told. */
    public synchronized void end() {
        ended = true;
        notifyAll();
    }

    /** Whether the last sample is there. */
    public synchronized boolean hasEnded() {
        return ended;
    }

    /**
     * Waits until a sample not older than {@code nanos} is there.
     *
     * @param deadlineNanos when to give up, as {@link System#nanoTime()}
     * @return whether it came
     */
    public synchronized boolean await(long nanos, long deadlineNanos) throws InterruptedException {
        while (samples.isEmpty() || samples.getLast().nanos() < nanos) {
            long leftMillis = (deadlineNanos - System.nanoTime()) / 1_000_000;
            if (ended || leftMillis <= 0) {
                return false;
            }
            wait(leftMillis);
        }
        return true;
    }

    /** The median rate between two moments, in steps a second; 0 if there are not two samples. */
    public synchronized double medianRate(long fromNanos, long toNanos) {
        double[] rates = new double[samples.size()];
        int count = 0;
        for (int index = 1; index < samples.size(); index++) {
            if (samples.get(index - 1).nanos() >= fromNanos
                    && samples.get(index).nanos() <= toNanos) {
                rates[count++] = rate(index);
            }
        }
        Arrays.sort(rates, 0, count);
        return count == 0 ? 0 : rates[count / 2];
    }

    /**
     * How long, between two moments, the rate was under {@code threshold} steps a second: the
     * length of the intervals between samples where it was, as far as they lie between the moments.
     */
    public synchronized long nanosUnder(double threshold, long fromNanos, long toNanos) {
        long under = 0;
        for (int index = 1; index < samples.size(); index++) {
            long start = Math.max(fromNanos, samples.get(index - 1).nanos());
            long end = Math.min(toNanos, samples.get(index).nanos());
            if (end > start && rate(index) < threshold) {
                under += end - start;
            }
        }
        return under;
    }

    /** Steps a second between sample {@code index} and the one before. */
    private double rate(int index) {
        Sample before = samples.get(index - 1);
        Sample after = samples.get(index);
        long nanos = Math.max(1, after.nanos() - before.nanos());
        return (after.steps() - before.steps()) * 1e9 / nanos;
    }
}
