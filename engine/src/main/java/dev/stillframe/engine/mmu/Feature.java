package dev.stillframe.engine.mmu;

/** What a userfaultfd context can be asked for; the order is that of the bits of {@code uffdio_api.features}. */
public enum Feature {
    /** Tells write-protect faults; always on. */
    PAGEFAULT_FLAG_WP,
    /** fork(2) is told, and the child keeps its protection. */
    EVENT_FORK,
    /** mremap(2) is told, and the moved range keeps its registration. */
    EVENT_REMAP,
    /** madvise(2) discards are told. */
    EVENT_REMOVE,
    /** Missing pages of hugetlbfs. */
    MISSING_HUGETLBFS,
    /** Missing pages of shared memory. */
    MISSING_SHMEM,
    /** munmap(2) is told. */
    EVENT_UNMAP,
    /** Faults are signals, not messages. */
    SIGBUS,
    /** Messages name the thread. */
    THREAD_ID,
    /** Minor faults of hugetlbfs. */
    MINOR_HUGETLBFS,
    /** Minor faults of shared memory. */
    MINOR_SHMEM,
    /** Messages have the address, not only the page. */
    EXACT_ADDRESS,
    /** Write protection of hugetlbfs and shared memory. */
    WP_HUGETLBFS_SHMEM,
    /** Empty entries of anonymous memory can be protected. */
    WP_UNPOPULATED,
    /** Pages can be poisoned. */
    POISON,
    /** Write faults resolve themselves and are found by a page scan. */
    WP_ASYNC,
    /** Pages can be moved. */
    MOVE;

    static final long ALL = (1L << values().length) - 1;

    /** Its bit. */
    public long bit() {
        return 1L << ordinal();
    }
}
