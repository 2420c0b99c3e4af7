package dev.stillframe.engine.thread;

import java.util.concurrent.ThreadFactory;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * What a thread is for. All threads of this product are made here, so that a thread dump names
 * each, and this list all of them. Whoever makes one owns it: it waits for its end, or hears of it.
 */
public enum Role {
    /** Answers the target's faults, and copies between them; the first one arms. */
    WORKER("worker", true),
    /** Copies what was written since the round before, and gives way to everybody. */
    ROUND("round", true),
    /** Empties staging into the sink. */
    DRAIN("drain", true),
    /** The only one that traces the target: ptrace(2) belongs to a thread. */
    TRACER("tracer", true),
    /**
     * Takes a snapshot of something small, so that the code of the pause is compiled before the
     * first.
     */
    WARM_UP("warm-up", true),
    /** Brings pages to a guest that waits for them. */
    POST_COPY("postcopy", true),
    /** Kills an arena's handler that says nothing. */
    ARENA_WATCHDOG("arena-watchdog", true),
    /** An event loop of Netty. */
    NETWORK("network", false),
    /** Keeps a sender's session alive, and opens its next attempt. */
    SENDER_KEEPER("sender-keeper", true),
    /** Connects a lane that fetches pages, again and again. */
    FETCH_LANE("reader", true),
    /** Writes what one session brings. */
    SESSION("session", false),
    /** Reads what one connection asked for. */
    READING("reading", true),
    /** Reads the file that limits the rate. */
    RATE("rate", false),
    /** Gives up on a guardian process that does not start. */
    GUARDIAN_START("guardian-start", true),
    /** Waits for what a person types. */
    ANSWER("answer", true),
    /** Ends a command that was told to stop. */
    STOP("stop", false),
    /** Writes in the demonstration. */
    DEMO("demo", true);

    private final String word;
    private final boolean daemon;

    Role(String word, boolean daemon) {
        this.word = word;
        this.daemon = daemon;
    }

    /** One that is called {@code stillframe-ROLE}, not started. */
    public Thread unstarted(Runnable task) {
        return named("stillframe-" + word, task);
    }

    /** One of several, {@code stillframe-ROLE-WHICH}, not started. */
    public Thread unstarted(Object which, Runnable task) {
        return named("stillframe-" + word + "-" + which, task);
    }

    /** The same, started. */
    public Thread start(Runnable task) {
        Thread thread = unstarted(task);
        thread.start();
        return thread;
    }

    /** The same, started. */
    public Thread start(Object which, Runnable task) {
        Thread thread = unstarted(which, task);
        thread.start();
        return thread;
    }

    /** For those who make their threads themselves: {@code stillframe-ROLE-WHICH-1} and so on. */
    public ThreadFactory factory(String which) {
        AtomicInteger count = new AtomicInteger();
        return task -> unstarted(which + "-" + count.incrementAndGet(), task);
    }

    private Thread named(String name, Runnable task) {
        return Thread.ofPlatform().name(name).daemon(daemon).unstarted(task);
    }
}
