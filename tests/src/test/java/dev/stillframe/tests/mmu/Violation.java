package dev.stillframe.tests.mmu;

/** What may go wrong in a run. */
enum Violation {
    /** A protected page changed, and nobody had been told. */
    MISSED_WRITE,
    /** A read was told, or had to wait. */
    TOLD_READ,
    /** Somebody told of a page twice the same, or of one that was never protected. */
    FALSE_MESSAGE,
    /** A reference shows what another process wrote later. */
    LEAK,
    /** Memory is not what its own process wrote. */
    WRONG_CONTENT,
    /** Somebody waits although nothing is protected any more. */
    PARKED
}
