package dev.stillframe.engine.image;

import dev.stillframe.engine.memory.AddressRange;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a check of an image found. Immutable.
 *
 * @param pages pages that the image accounts for; 0 if it could not be opened
 * @param dataPages how many of them are stored
 * @param sharedPages how many more the parent has; they were checked there
 * @param damageCount everything that is wrong
 * @param damages the first {@link #MAX_LISTED} of it: the image as a whole, then pages in their
 *     order, then the root hash
 */
public record Verification(
        long pages, long dataPages, long sharedPages, long damageCount, List<Damage> damages) {
    /** Most entries of the list. */
    public static final int MAX_LISTED = 1000;

    /** Copies the list. */
    public Verification {
        damages = List.copyOf(damages);
    }

    /** Whether nothing is wrong. */
    public boolean intact() {
        return damageCount == 0;
    }

    /**
     * One thing that is wrong.
     *
     * @param page where, or null if it is the image as a whole
     * @param problem a sentence without a full stop
     */
    public record Damage(@Nullable Page page, String problem) {
        /**
         * For a person: {@code page 7 (7f00a000-7f00b000, [heap]): its bytes do not have the
         * recorded hash}.
         */
        @Override
        public String toString() {
            return page == null ? problem : page + ": " + problem;
        }
    }

    /**
     * Where something is wrong.
     *
     * @param ordinal number of the page within the image
     * @param range its addresses
     * @param region name of the mapping, possibly empty
     */
    public record Page(long ordinal, AddressRange range, String region) {
        @Override
        public String toString() {
            return "page " + ordinal + " (" + range + (region.isEmpty() ? "" : ", " + region) + ")";
        }
    }
}
