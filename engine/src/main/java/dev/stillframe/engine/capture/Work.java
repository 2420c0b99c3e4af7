package dev.stillframe.engine.capture;

import java.io.IOException;

/**
 * What a worker does between faults: arming, the freeze, the sweep; in steps so short that a fault
 * can wait for one.
 */
@FunctionalInterface
interface Work {
    /** Does one step; false when there is nothing left to do. */
    boolean step(Worker worker) throws IOException;

    /** Whether the next step should wait, while faults are answered. */
    default boolean isHeldUp() {
        return false;
    }
}
