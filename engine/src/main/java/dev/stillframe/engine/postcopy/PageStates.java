package dev.stillframe.engine.postcopy;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.atomic.AtomicLong;

/** How far each page has come. Thread-safe. */
final class PageStates {
    /** Not here, and nobody has asked for it. */
    static final byte LACKING = 0;

    /** Asked for with others, in turn. */
    static final byte ASKED = 1;

    /** Asked for because somebody waits for it. */
    static final byte URGENT = 2;

    /** Here, or known to be zero. */
    static final byte HERE = 3;

    private static final VarHandle STATE = MethodHandles.arrayElementVarHandle(byte[].class);

    private final byte[] states;
    private final AtomicLong notHere;

    PageStates(int pages) {
        states = new byte[pages];
        notHere = new AtomicLong(pages);
    }

    int count() {
        return states.length;
    }

    byte get(int page) {
        return (byte) STATE.getVolatile(states, page);
    }

    boolean move(int page, byte from, byte to) {
        return STATE.compareAndSet(states, page, from, to);
    }

    /** Marks a page as here; what it was before. */
    byte arrive(int page) {
        byte before = (byte) STATE.getAndSet(states, page, HERE);
        if (before != HERE) {
            notHere.decrementAndGet();
        }
        return before;
    }

    /** Pages that are not here. */
    long notHere() {
        return notHere.get();
    }
}
