package dev.stillframe.transport.encoding;

import java.util.concurrent.TimeUnit;

/**
 * Chooses the encoding of the next batches of a sender. For {@link Preset#ADAPTIVE} it climbs:
 * where the lanes wait for the wire it tries more effort for a while, where they do not it tries
 * less, and stays with what brought more pages per second. An attempt that brought nothing is
 * repeated after ever longer pauses. All lanes share it, because they share the wire. Thread-safe;
 * time is told to it.
 */
public final class Choice {
    /** So much is sent, */
    private static final long WINDOW_BYTES = 4 << 20;

    /** and so much of the lanes' time is spent before it is judged; */
    private static final long LEAST_NANOS = TimeUnit.MILLISECONDS.toNanos(20);

    /** or so much time with at least one batch. */
    private static final long MOST_NANOS = TimeUnit.SECONDS.toNanos(1);

    /** The part of the time in which lanes wait, above which the wire is the bottleneck. */
    private static final double WAITS = 0.3;

    /** And below which it is not. */
    private static final double RUNS = 0.1;

    /** More effort has to bring more by this factor, */
    private static final double WORTH_MORE = 1.1;

    /** and less effort must not bring less than this. */
    private static final double WORTH_LESS = 0.97;

    private static final int MIN_PAUSE = 4;
    private static final int MAX_PAUSE = 512;

    private final boolean adaptive;
    private Encoding settled;
    private Encoding current;
    private Encoding nextUp = Encoding.LZ4;
    private double settledRate;
    private int pause = MIN_PAUSE;
    private int pausing;

    /** What is on the wire in the first window of an attempt was sent before it. */
    private boolean isLate;

    private long bytes;
    private long busyNanos;
    private long waitedNanos;

    /** What a lane has been doing. */
    public enum Spell {
        /** There was nothing to send. */
        IDLE,

        /** It sent. */
        BUSY,

        /** It had something to send, and the wire did not take it. */
        WAITING
    }

    /** Begins with the least effort that the preset allows. */
    public Choice(Preset preset) {
        adaptive = preset == Preset.ADAPTIVE;
        settled =
                switch (preset) {
                    case OFF, ADAPTIVE -> Encoding.RAW;
                    case FAST -> Encoding.LZ4;
                    case SMALL -> Encoding.ZSTD;
                };
        current = settled;
    }

    /** For the next batch. */
    public synchronized Encoding next() {
        return current;
    }

    /** What a lane did for {@code nanos}. */
    public synchronized void spent(Spell spell, long nanos) {
        switch (spell) {
            case IDLE -> {}
            case BUSY -> busyNanos += nanos;
            case WAITING -> waitedNanos += nanos;
        }
        long spentNanos = busyNanos + waitedNanos;
        if (spentNanos >= (bytes >= WINDOW_BYTES ? LEAST_NANOS : MOST_NANOS) && bytes > 0) {
            judge();
        }
    }

    /** A batch with so many bytes of pages was handed to the wire. */
    public synchronized void sent(long rawBytes) {
        bytes += rawBytes;
    }

    private void judge() {
        long spentNanos = Math.max(1, busyNanos + waitedNanos);
        double rate = (double) bytes / spentNanos; // of one lane
        double waits = (double) waitedNanos / spentNanos;
        bytes = 0;
        busyNanos = 0;
        waitedNanos = 0;
        if (!adaptive) {
            return;
        }
        if (isLate) {
            isLate = false;
        } else if (current != settled) {
            settle(rate);
        } else if (pausing > 0) {
            pausing--;
        } else if (waits > WAITS && settled != Encoding.ZSTD) {
            attempt(settled == Encoding.RAW ? nextUp : Encoding.ZSTD, rate);
        } else if (waits < RUNS && settled != Encoding.RAW) {
            attempt(settled == Encoding.ZSTD ? Encoding.LZ4 : Encoding.RAW, rate);
        }
    }

    private void attempt(Encoding encoding, double rate) {
        settledRate = rate;
        current = encoding;
        isLate = true;
    }

    private void settle(double rate) {
        boolean up = current.compareTo(settled) > 0;
        if (rate > settledRate * (up ? WORTH_MORE : WORTH_LESS)) {
            settled = current; // and on at once: the next step may be better still
            pause = MIN_PAUSE;
            pausing = 0;
        } else {
            nextUp = nextUp == Encoding.LZ4 ? Encoding.ZSTD : Encoding.LZ4;
            pause = Math.min(MAX_PAUSE, 2 * pause);
            current = settled;
            pausing = pause;
        }
    }
}
