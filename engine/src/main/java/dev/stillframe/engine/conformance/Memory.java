package dev.stillframe.engine.conformance;

/**
 * A piece of memory that a scenario asks for. Immutable.
 *
 * @param kind what it is
 * @param pages its length in 4 KiB pages
 * @param object name of the shared object or file behind it; mappings of one name share it; empty
 *     for anonymous memory
 */
public record Memory(Kind kind, int pages, String object) {
    /** Kinds of memory; the text form has dashes and small letters. */
    public enum Kind {
        /** Private and anonymous, in 4 KiB pages. */
        ANON,
        /** Private and anonymous, aligned, in huge pages. */
        THP,
        /** Private hugetlb pages. */
        HUGETLB,
        /** A memfd, mapped shared. */
        MEMFD,
        /** A memfd, mapped privately. */
        PRIVATE_MEMFD,
        /** Private and anonymous; the kernel may merge equal pages. */
        MERGEABLE,
        /** A file on ext4, mapped shared. */
        EXT4,
        /** A file on ext4, mapped privately. */
        PRIVATE_EXT4
    }

    /** Its length. */
    public long bytes() {
        return (long) pages * Machine.PAGE_BYTES;
    }
}
