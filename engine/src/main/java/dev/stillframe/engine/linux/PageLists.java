package dev.stillframe.engine.linux;

/**
 * The lists on which each processor collects pages that are new or were looked at, before they
 * reach the kernel's own (folio_batch, mm/swap.c). A page there has one user more than the
 * processes that map it.
 */
public final class PageLists {
    private static final int MPOL_MF_MOVE = 2;

    private PageLists() {}

    /**
     * Empties the lists of all processors. move_pages(2) of no pages does that before it looks at
     * what it was given (do_pages_move, mm/migrate.c); a kernel without it has one node, and keeps
     * the lists as they are.
     */
    public static void drain() throws ErrnoException {
        long none = Kernel.scratch().address();
        long result = Kernel.call(Syscall.MOVE_PAGES, 0, 0, none, none, none, MPOL_MF_MOVE);
        if (!Kernel.is(result, Errno.ENOSYS)) {
            Kernel.check(result, "move_pages(no pages)");
        }
    }
}
