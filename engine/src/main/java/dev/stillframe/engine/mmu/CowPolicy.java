package dev.stillframe.engine.mmu;

import dev.stillframe.engine.mmu.Entry.Present;
import org.jspecify.annotations.Nullable;

/**
 * A rule for breaking copy-on-write, as Linux had them one after the other. A rule answers what a
 * grab for reading does to a page that may be shared, what the entry is afterwards, and when a
 * write may keep the page instead of copying it. All else is the same under every rule. Each
 * answers about private memory only: shared memory has no copy-on-write.
 */
public enum CowPolicy {
    /**
     * Linux up to 5.7: reading never breaks; a page with one user left is reused, whoever else
     * holds a reference.
     */
    PRE {
        @Override
        boolean reuses(Frame frame) {
            return soleMapping(frame);
        }
    },

    /** Linux 5.8: a grab for reading is made one for writing, and is told as a write. */
    FORCED_WRITE {
        @Override
        OnRead onRead(Grab grab, @Nullable Present entry, boolean mayWrite) {
            return grab.isReference() ? OnRead.AS_WRITE : OnRead.FOLLOW;
        }

        @Override
        boolean reuses(Frame frame) {
            return soleMapping(frame);
        }
    },

    /**
     * The second version of a change that was proposed in 2020: reading breaks silently and forgets
     * the protection.
     */
    V2 {
        @Override
        OnRead onRead(Grab grab, @Nullable Present entry, boolean mayWrite) {
            boolean breaks = entry != null && !entry.writable() && (mayWrite || isShared(entry));
            return grab.isReference() && breaks ? OnRead.BREAK : OnRead.FOLLOW;
        }

        @Override
        Present broken(Present before, Frame frame, boolean mayWrite) {
            boolean stale =
                    before.uffdWp()
                            && frame == before.frame(); // the reuse path keeps the bits it found
            return new Present(frame, mayWrite, stale, true);
        }

        @Override
        boolean reuses(Frame frame) {
            return soleMapping(frame);
        }
    },

    /**
     * The third version, as it was meant: reading breaks silently, and the copy inherits the
     * protection.
     */
    V3 {
        @Override
        OnRead onRead(Grab grab, @Nullable Present entry, boolean mayWrite) {
            return grab.isReference() && entry != null && isShared(entry)
                    ? OnRead.BREAK
                    : OnRead.FOLLOW;
        }

        @Override
        boolean reuses(Frame frame) {
            return soleMapping(frame);
        }
    },

    /**
     * Linux 5.9 to 5.18: reading never breaks; a page is reused if nobody else holds any reference.
     */
    PAGECOUNT {
        @Override
        boolean reuses(Frame frame) {
            return frame.referenceCount() == 1;
        }

        @Override
        boolean reusesWhole(Frame first) {
            return isOneMapping(first);
        }

        @Override
        boolean copiesPinnedAtFork() {
            return true;
        }
    },

    /**
     * Linux from 5.19: pages know whether they are exclusive; a pin for reading unshares those that
     * are not.
     */
    MODERN {
        @Override
        OnRead onRead(Grab grab, @Nullable Present entry, boolean mayWrite) {
            if (!grab.isPin() || entry == null || entry.writable()) {
                return OnRead.FOLLOW;
            }
            boolean mustUnshare =
                    entry.frame().kind == Frame.Kind.ANON
                            ? !entry.frame().exclusive
                            : grab == Grab.LONGTERM_PIN; // the file or the zero page is as good
            // for a short transfer
            return mustUnshare ? OnRead.BREAK : OnRead.FOLLOW;
        }

        @Override
        boolean reuses(Frame frame) {
            if (frame.exclusive || frame.folio == null) {
                return frame.exclusive || frame.referenceCount() == 1;
            }
            int mapCount =
                    frame.folio
                            .mapCount(); // the last page of many is copied, so that the many can go
            return mapCount > 1 && mapCount == frame.referenceCount() && !frame.isMappedByMany();
        }

        @Override
        boolean reusesWhole(Frame first) {
            return first.exclusive || isOneMapping(first);
        }

        @Override
        boolean isSurelyOwned(Frame frame) {
            return frame.exclusive;
        }

        @Override
        boolean copiesPinnedAtFork() {
            return true;
        }
    };

    /** What a grab for reading does. */
    enum OnRead {
        /** It takes the page as it is mapped. */
        FOLLOW,
        /** It breaks copy-on-write first, without telling anybody. */
        BREAK,
        /** It asks for the right to write, with all that follows. */
        AS_WRITE
    }

    /**
     * What a grab for reading does in private memory; {@code entry} is null if no page is mapped.
     * {@code mayWrite} is what the mapping allows.
     */
    OnRead onRead(Grab grab, @Nullable Present entry, boolean mayWrite) {
        return OnRead.FOLLOW;
    }

    /**
     * The entry after {@link OnRead#BREAK}; {@code frame} is the one of {@code before} if it was
     * {@linkplain #reuses reused}, else the copy.
     */
    Present broken(Present before, Frame frame, boolean mayWrite) {
        return new Present(frame, false, before.uffdWp(), before.dirty());
    }

    /** Whether an anonymous page may be kept when copy-on-write breaks. */
    abstract boolean reuses(Frame frame);

    /** The same for all of a huge page that one entry maps; {@code first} is its first part. */
    boolean reusesWhole(Frame first) {
        return reuses(first);
    }

    /** Whether an anonymous page may be made writable without waiting for the write. */
    boolean isSurelyOwned(Frame frame) {
        return false;
    }

    /**
     * Whether fork(2) copies a pinned page for the child at once, so that the pin stays with the
     * parent.
     */
    boolean copiesPinnedAtFork() {
        return false;
    }

    private static boolean isShared(Present entry) {
        return entry.frame().kind != Frame.Kind.ANON
                || entry.frame().mapCount() + entry.frame().swapCount != 1;
    }

    private static boolean soleMapping(Frame frame) {
        return frame.folio == null
                ? frame.mapCount() + frame.swapCount == 1
                : frame.folio.isMappedOnce();
    }

    private static boolean isOneMapping(Frame first) {
        return first.folio == null ? first.referenceCount() == 1 : first.folio.isOneMapping();
    }
}
