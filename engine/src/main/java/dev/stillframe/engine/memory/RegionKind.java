package dev.stillframe.engine.memory;

/** What a mapping is made of, which decides how it is captured and what an absent page holds. */
public enum RegionKind {
    /** Private anonymous memory: heap, stacks, mmap. Absent pages are zero. */
    ANONYMOUS,
    /**
     * Shared memory without a file on disk: memfd, tmpfs, System V, shared anonymous. Absent pages
     * are zero.
     */
    SHARED,
    /** Memory of a hugetlb pool. Absent pages are zero. */
    HUGETLB,
    /**
     * A private mapping of a file: absent pages are the file's own; only changed pages are stored.
     */
    PRIVATE_FILE,
    /** A shared mapping of a file on disk: its pages, or by reference if nothing is stored. */
    SHARED_FILE,
    /**
     * What the kernel provides to every process (vdso, vvar, vsyscall); stored where it can be
     * read.
     */
    KERNEL,
    /** Device memory and other mappings that cannot be read consistently; nothing is stored. */
    DEVICE;

    /** Whether a file on disk is behind it. */
    public boolean isFile() {
        return this == PRIVATE_FILE || this == SHARED_FILE;
    }
}
