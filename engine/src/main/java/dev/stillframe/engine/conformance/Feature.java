package dev.stillframe.engine.conformance;

/** Bits of {@code uffdio_api.features}: {@code include/uapi/linux/userfaultfd.h}, Linux 6.12. */
enum Feature {
    EVENT_FORK(1),
    EVENT_REMAP(2),
    EVENT_REMOVE(3),
    EVENT_UNMAP(6),
    SIGBUS(7),
    THREAD_ID(8),
    MINOR_SHMEM(10),
    EXACT_ADDRESS(11),
    WP_HUGETLBFS_SHMEM(12),
    WP_UNPOPULATED(13),
    WP_ASYNC(15),
    /** No kernel knows it. */
    UNKNOWN(40);

    private final int bit;

    Feature(int bit) {
        this.bit = bit;
    }

    long mask() {
        return 1L << bit;
    }
}
