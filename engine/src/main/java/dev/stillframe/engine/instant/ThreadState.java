package dev.stillframe.engine.instant;

import java.util.Objects;

/**
 * A thread of the target at T0. The register sets are the kernel's own byte layouts. Do not modify
 * the arrays.
 *
 * @param tid thread id
 * @param name the thread's name, at most 15 characters
 * @param signal the signal that was about to be delivered at T0, or 0
 * @param signalMask blocked signals, bit n-1 for signal n
 * @param general {@code NT_PRSTATUS}: {@code struct user_regs_struct} (x86-64: 216 bytes, {@code
 *     arch/x86/include/asm/user_64.h})
 * @param floating {@code NT_PRFPREG}: the FXSAVE image (x86-64: 512 bytes)
 * @param extended {@code NT_X86_XSTATE} (x86-64) in the standard, not compacted format, with the
 *     components where this processor has them; empty where the machine has none
 */
@SuppressWarnings("ArrayRecordComponent") // kernel blobs, never compared
public record ThreadState(
        int tid,
        String name,
        int signal,
        long signalMask,
        byte[] general,
        byte[] floating,
        byte[] extended) {
    /** JSON from elsewhere may say null. */
    public ThreadState {
        Objects.requireNonNull(name, "name");
        Objects.requireNonNull(general, "general");
        Objects.requireNonNull(floating, "floating");
        Objects.requireNonNull(extended, "extended");
    }
}
