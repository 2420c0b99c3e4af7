/**
 * A software model of the Linux page tables and of userfaultfd(2), as far as write protection goes.
 * It is deterministic: an operation of a thread either ends or parks, and a parked one goes on only
 * when it is told to, so a test decides every interleaving. Names are those of the kernel's {@code
 * mm/} where it has one. No native calls.
 *
 * <p>One way leads to memory: {@link dev.stillframe.engine.mmu.FaultPath} for whoever walks the
 * page tables, and {@link dev.stillframe.engine.mmu.UserPages} in front of it for whoever takes
 * references to pages. What breaks copy-on-write, and when, is asked of {@link
 * dev.stillframe.engine.mmu.CowPolicy} and of nobody else.
 *
 * <p>Not modelled: merging of equal pages (KSM), the huge zero page, huge pages of shared memory,
 * exec, signal frames and rseq, the spinning of a thread that is signalled inside a system call,
 * time. MADV_FREE never takes a page away.
 */
@NullMarked
package dev.stillframe.engine.mmu;

import org.jspecify.annotations.NullMarked;
