package dev.stillframe.transport;

import java.util.Random;

/** Random numbers that a failing test can be repeated with. */
public final class Seed {
    private Seed() {}

    /** Prints the seed; {@code -Dstillframe.seed=N} sets it. */
    public static Random random() {
        long seed = Long.getLong("stillframe.seed", System.nanoTime());
        System.out.println("repeat with -Dstillframe.seed=" + seed);
        return new Random(seed);
    }
}
