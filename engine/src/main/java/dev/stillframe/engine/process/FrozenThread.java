package dev.stillframe.engine.process;

/**
 * A thread at T0, and where the memory is that the kernel may write behind our back when it runs
 * on.
 *
 * @param tid its number
 * @param stackPointer top of its stack
 * @param threadPointer its control block, 0 if unknown
 * @param robustList head of its robust mutexes, 0 if none
 * @param exitWord the word that the kernel clears when it ends, 0 if none
 */
public record FrozenThread(
        int tid, long stackPointer, long threadPointer, long robustList, long exitWord) {}
