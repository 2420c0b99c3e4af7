package dev.stillframe.engine.capture;

/**
 * The states of a page's claim. Whoever moves a page into a state that ends in -ING owns it until
 * it moves it on; nobody else copies, protects or unprotects it meanwhile.
 *
 * <p><b>Before T0</b> a page goes {@code UNSEEN/ARMING -> CLEAN} or {@code HOLE} when it is seen
 * protected, and {@code CLEAN -> LIFTING -> HOT} when the target writes to it. That it was asked
 * for is not enough: memory that was mapped since its range was registered is not protected, and
 * nothing tells of writes to it. What was not seen is looked at in the freeze.
 *
 * <p><b>From T0 on</b> there is one way for content: {@code CLEAN -> COPYING -> DONE}. The bytes
 * are in staging before a page is {@code DONE}, and only {@code DONE} pages are unprotected. Memory
 * that is mapped more than once is {@code COPIED} first, until all that is written through any of
 * its mappings is. With two states instead of three, a fault between the claim and the copy would
 * see "taken", unprotect, and the late copy would read bytes of after T0: a torn image.
 */
final class Claim {
    /**
     * Nothing is known of it: it was never seen, neither protected nor in the freeze. The image
     * must not say anything of it.
     */
    static final byte UNSEEN = 0;

    /** Populated, being protected. */
    static final byte ARMING = 1;

    /** Empty so far, being protected. */
    static final byte ARMING_HOLE = 2;

    /** Seen protected, with content that is not yet copied. */
    static final byte CLEAN = 3;

    /** Seen protected and empty: its content is zero and needs no copy. */
    static final byte HOLE = 4;

    /** Before T0: written, being unprotected. */
    static final byte LIFTING = 5;

    /** Before T0: written, not protected. */
    static final byte HOT = 6;

    /** Being copied. */
    static final byte COPYING = 7;

    /** Copied. */
    static final byte DONE = 8;

    /**
     * Zero at T0: seen empty in the freeze, or until its protection ended, or copied and found to
     * hold nothing else.
     */
    static final byte ZERO = 9;

    /** Discarded or unreadable before it was copied. */
    static final byte LOST = 10;

    /**
     * Moved elsewhere by the target before it was copied, with its protection; whoever was told
     * will copy it.
     */
    static final byte MOVED = 11;

    /**
     * Copied, but perhaps not yet where it is mapped elsewhere in the target; whoever copied it
     * makes it {@code DONE}.
     */
    static final byte COPIED = 12;

    /** From T0 on: empty until now, about to be unprotected. */
    static final byte RELEASING = 13;

    private Claim() {}
}
