package dev.stillframe.tests.network;

import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Leads the bytes of one direction past its faults: says what to do next with those that are there.
 * Time is told. Owned by one thread.
 */
final class FaultWalk {
    private final List<Fault> faults;
    private final Consumer<Fault> met;
    private int next;
    private long position;
    private long waitUntilNanos = Long.MIN_VALUE;
    private @Nullable Pace pace;

    /**
     * At the beginning of a stream.
     *
     * @param faults in order of their places
     * @param met told of each fault when the bytes have come to it
     */
    FaultWalk(List<Fault> faults, Consumer<Fault> met) {
        this.faults = faults;
        this.met = met;
    }

    /** What to do with the bytes that are there. */
    sealed interface Step {
        /** Let the first {@code count} through; 0 asks for more. */
        record Forward(int count) implements Step {}

        /** Let one through with a bit turned over. */
        record Flipped(int bit) implements Step {}

        /** Ask again when so much time has passed. */
        record Wait(long nanos) implements Step {}

        /** Let nothing through any more. */
        record End(Fault.Cut.How how) implements Step {}

        /** Do nothing any more. */
        record Silence() implements Step {}
    }

    /** How fast bytes may go up to a place. */
    private sealed interface Pace {
        long end();

        record Drip(long end, int pieceBytes, long pauseNanos) implements Pace {}

        record Bucket(
                long end, long bytesPerSecond, int burstBytes, double tokens, long filledNanos)
                implements Pace {
            Bucket at(long nowNanos) {
                double grown = (nowNanos - filledNanos) / 1e9 * bytesPerSecond;
                return with(Math.min(burstBytes, tokens + grown), nowNanos);
            }

            Bucket with(double count, long nowNanos) {
                return new Bucket(end, bytesPerSecond, burstBytes, count, nowNanos);
            }
        }
    }

    /**
     * The next step, which the caller takes.
     *
     * @param available bytes that are there
     * @param nowNanos on any clock, not before the last call's
     */
    Step next(int available, long nowNanos) {
        for (; ; ) {
            if (nowNanos < waitUntilNanos) {
                return new Step.Wait(waitUntilNanos - nowNanos);
            }
            if (next == faults.size() || faults.get(next).at() > position) {
                return available == 0 ? new Step.Forward(0) : paced(available, nowNanos);
            }
            Step step = meet(faults.get(next), available, nowNanos);
            if (step != null) {
                return step;
            }
        }
    }

    private @Nullable Step meet(Fault fault, int available, long nowNanos) {
        switch (fault) {
            case Fault.Cut(var _, var how) -> {
                met.accept(fault);
                return new Step.End(how);
            }
            case Fault.BlackHole _ -> {
                met.accept(fault);
                return new Step.Silence();
            }
            case Fault.Flip(var at, var bit) -> {
                if (at < position) { // a second one at the same byte
                    next++;
                    return null;
                }
                if (available == 0) {
                    return new Step.Forward(0);
                }
                met.accept(fault);
                next++;
                position++;
                return new Step.Flipped(bit);
            }
            case Fault.Stall(var _, var length) -> waitUntilNanos = nowNanos + length.toNanos();
            case Fault.Drip(var at, var bytes, var piece, var pause) ->
                    pace = new Pace.Drip(at + bytes, piece, pause.toNanos());
            case Fault.Limit(var at, var bytes, var rate, var burst) ->
                    pace = new Pace.Bucket(at + bytes, rate, burst, burst, nowNanos);
        }
        met.accept(fault);
        next++;
        return null;
    }

    private Step paced(int available, long nowNanos) {
        long count = available;
        if (next < faults.size()) {
            count = Math.min(count, faults.get(next).at() - position);
        }
        Pace now = pace;
        if (now != null && now.end() <= position) {
            pace = null;
            now = null;
        }
        if (now != null) {
            count = Math.min(count, now.end() - position);
        }
        switch (now) {
            case null -> {}
            case Pace.Drip drip -> {
                count = Math.min(count, drip.pieceBytes());
                waitUntilNanos = nowNanos + drip.pauseNanos();
            }
            case Pace.Bucket old -> {
                Pace.Bucket bucket = old.at(nowNanos);
                count = Math.min(count, bucket.burstBytes());
                pace = bucket;
                if (bucket.tokens() < count) {
                    double missing = count - bucket.tokens();
                    return new Step.Wait(1 + (long) (missing / bucket.bytesPerSecond() * 1e9));
                }
                pace = bucket.with(bucket.tokens() - count, nowNanos);
            }
        }
        position += count;
        return new Step.Forward((int) count);
    }
}
