package dev.stillframe.engine.target;

/**
 * A thread at T0, and where the memory is that the kernel may write behind our back when it runs on.
 *
 * @param tid its number
 * @param signal the signal that was about to be delivered, or 0
 * @param stackPointer top of its stack
 * @param threadPointer its control block, 0 if unknown
 * @param robustList head of its robust mutexes, 0 if none
 */
public record FrozenThread(int tid, int signal, long stackPointer, long threadPointer, long robustList) {}
