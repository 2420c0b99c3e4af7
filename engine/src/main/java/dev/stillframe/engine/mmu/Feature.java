package dev.stillframe.engine.mmu;

/**
 * What a userfaultfd context can be asked for; numbered as the bits of {@code uffdio_api.features}.
 */
public enum Feature {
    /** Tells write-protect faults; always on. */
    PAGEFAULT_FLAG_WP(0),
    /** fork(2) is told, and the child keeps its protection. */
    EVENT_FORK(1),
    /** mremap(2) is told, and the moved range keeps its registration. */
    EVENT_REMAP(2),
    /** madvise(2) discards are told. */
    EVENT_REMOVE(3),
    /** Missing pages of hugetlbfs. */
    MISSING_HUGETLBFS(4),
    /** Missing pages of shared memory. */
    MISSING_SHMEM(5),
    /** munmap(2) is told. */
    EVENT_UNMAP(6),
    /** Faults are signals, not messages. */
    SIGBUS(7),
    /** Messages name the thread. */
    THREAD_ID(8),
    /** Minor faults of hugetlbfs. */
    MINOR_HUGETLBFS(9),
    /** Minor faults of shared memory. */
    MINOR_SHMEM(10),
    /** Messages have the address, not only the page. */
    EXACT_ADDRESS(11),
    /** Write protection of hugetlbfs and shared memory. */
    WP_HUGETLBFS_SHMEM(12),
    /** Empty entries of anonymous memory can be protected. */
    WP_UNPOPULATED(13),
    /** Pages can be poisoned. */
    POISON(14),
    /** Write faults resolve themselves and are found by a page scan. */
    WP_ASYNC(15),
    /** Pages can be moved. */
    MOVE(16);

    static final long ALL = 0x1ffff;

    private final int index;

    Feature(int index) {
        this.index = index;
    }

    /** Its bit. */
    public long bit() {
        return 1L << index;
    }
}
