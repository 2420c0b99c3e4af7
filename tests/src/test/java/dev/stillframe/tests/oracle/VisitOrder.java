package dev.stillframe.tests.oracle;

/**
 * The order in which a writer of {@code oracle.c} visits its pages: round {@code r} visits page
 * {@code (stride * k + r * shift) mod count} at step {@code k}. Writes are numbered from 1.
 * Immutable.
 */
final class VisitOrder {
    private final long count;
    private final long stride;
    private final long inverse;
    private final long shift;

    /** The order over {@code count} pages, at least 1. */
    VisitOrder(long count) {
        this.count = count;
        long candidate = count * 618 / 1000 + 1;
        while (gcd(candidate, count) != 1) {
            candidate++;
        }
        stride = candidate % count;
        inverse = inverse(stride, count);
        shift = count / 3;
    }

    /** How many pages there are. */
    long count() {
        return count;
    }

    /** The page that write {@code write} goes to. */
    long page(long write) {
        long round = (write - 1) / count;
        long step = (write - 1) % count;
        return (stride * step + origin(round)) % count;
    }

    /** The last write not after {@code write} that went to {@code page}, or 0 if none did. */
    long lastWrite(long write, long page) {
        if (write == 0) {
            return 0;
        }
        long round = (write - 1) / count;
        long step = step(round, page);
        if (step <= (write - 1) % count) {
            return round * count + step + 1;
        }
        return round == 0 ? 0 : (round - 1) * count + step(round - 1, page) + 1;
    }

    private long step(long round, long page) {
        return inverse * Math.floorMod(page - origin(round), count) % count;
    }

    private long origin(long round) {
        return round % count * shift % count;
    }

    private static long gcd(long a, long b) {
        return b == 0 ? a : gcd(b, a % b);
    }

    /**
     * The number whose product with {@code value} is 1 modulo {@code modulus}, by Euclid's
     * algorithm.
     */
    private static long inverse(long value, long modulus) {
        long rest = modulus;
        long next = value;
        long factor = 0;
        long nextFactor = 1;
        while (next != 0) {
            long quotient = rest / next;
            long r = rest - quotient * next;
            rest = next;
            next = r;
            long f = factor - quotient * nextFactor;
            factor = nextFactor;
            nextFactor = f;
        }
        return Math.floorMod(factor, modulus);
    }
}
