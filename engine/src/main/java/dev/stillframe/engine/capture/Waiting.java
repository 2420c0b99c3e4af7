package dev.stillframe.engine.capture;

/** How one worker waits for another, for a moment. */
final class Waiting {
    private Waiting() {}

    /**
     * Lets others have the processor: on a machine with few of them, whoever we wait for may be
     * waiting for ours.
     */
    @SuppressWarnings("ThreadPriorityCheck") // a hint; nothing relies on it
    static void giveWay() {
        Thread.yield();
    }
}
