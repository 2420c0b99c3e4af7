package dev.stillframe.tests.mmu;

/**
 * One step of a random run. Steps that are impossible when their turn comes are left out.
 *
 * @param actor whose thread: 0 and 1 are the parent's, then come the first threads of its children
 * @param page which of the {@link World#PAGES}
 */
record Action(Kind kind, int actor, int page) {
    /** What is done. Shrinking goes towards the first. */
    enum Kind {
        /** The parent's page is write-protected. */
        PROTECT,
        /** The handler unprotects a page of its own accord. */
        UNPROTECT,
        /** The handler answers all that is told. */
        ANSWER,
        /** Eight bytes of one page. */
        STORE,
        /** Eight bytes that reach into the next page. */
        STORE_ACROSS,
        /** A compare and exchange that fails. */
        FAILING_EXCHANGE,
        LOAD,
        /** write(2). */
        BUFFERED_WRITE,
        /** write(2) with O_DIRECT. */
        DIRECT_WRITE,
        /** read(2) with O_DIRECT. */
        DIRECT_READ,
        /** read(2). */
        BUFFERED_READ,
        /** process_vm_readv(2) of the parent. */
        PROCESS_READ,
        /** A debugger looks at the parent. */
        PEEK,
        /** vmsplice(2); the pipe stays full. */
        SPLICE,
        /** A buffer is registered for reading, and stays so. */
        PIN,
        /** The oldest pipe or buffer is given back. */
        RELEASE,
        FORK,
        EXIT,
        /** A child unmaps a page. */
        UNMAP,
        /** Memory reclaim takes a page of the parent. */
        RECLAIM,
        /** The parent discards a page. */
        DISCARD
    }
}
