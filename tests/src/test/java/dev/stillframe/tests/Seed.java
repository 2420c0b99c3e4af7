package dev.stillframe.tests;

import java.util.Random;
import java.util.random.RandomGenerator;

/** The one seed of a test run: printed, and taken back with {@code -Dstillframe.seed=NUMBER}. */
public final class Seed {
    private static final long VALUE = Long.getLong("stillframe.seed", new Random().nextLong());

    static {
        System.out.printf("-Dstillframe.seed=%d%n", VALUE);
    }

    private Seed() {}

    /** The seed itself. */
    public static long value() {
        return VALUE;
    }

    /** A generator for one user of randomness; the same name and seed give the same numbers. */
    public static RandomGenerator random(String user) {
        return new Random(VALUE ^ user.hashCode());
    }
}
