package dev.stillframe.engine.mmu;

/**
 * How somebody refers to a page that is not reached through an instruction: a flavour of
 * get_user_pages.
 */
enum Grab {
    /** The page is only made present: mlock(2), MADV_POPULATE_WRITE. No reference. */
    TOUCH,
    /**
     * A reference to what is there now: vmsplice(2), ptrace(2), /proc/PID/mem, futex(2). FOLL_GET.
     */
    GET,
    /** The page's bytes are transferred: direct I/O, process_vm_readv(2). FOLL_PIN. */
    PIN,
    /** Pinned until further notice: registered buffers. FOLL_PIN with FOLL_LONGTERM. */
    LONGTERM_PIN;

    boolean isReference() {
        return this != TOUCH;
    }

    boolean isPin() {
        return this == PIN || this == LONGTERM_PIN;
    }
}
