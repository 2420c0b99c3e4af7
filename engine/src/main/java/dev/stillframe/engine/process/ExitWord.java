package dev.stillframe.engine.process;

import dev.stillframe.engine.linux.RobustList;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * The address of the word that the kernel clears, and at which it wakes whoever waits, when a
 * thread ends: set_tid_address(2), {@code CLONE_CHILD_CLEARTID} of clone(2). A thread that is
 * joined by it must not end while the word is write-protected: the kernel does not wait for a page
 * of an ending thread ({@code mm_release} of kernel/fork.c drops the error), and the joiner then
 * waits for ever.
 *
 * <p>Of a thread that is made while it is traced the registers of the call tell the address. Before
 * that only the thread itself can say it (prctl(2), {@code PR_GET_TID_ADDRESS}), and has to be
 * {@linkplain TidAddressCall stopped for that}. Those of the GNU C library need not: there the word
 * is in the control block, beside the robust list's head, which get_robust_list(2) tells of a
 * running thread.
 */
final class ExitWord {
    /** There is none. */
    static final long NONE = 0;

    /** Not known yet. */
    static final long UNKNOWN = -1;

    // struct pthread of nptl/descr.h: a header with two pointers to itself, list, tid, pid,
    // robust_prev, robust_head.
    private static final int SELF = 0x10;
    private static final int TID = 0x2d0;
    private static final int ROBUST_HEAD = 0x2e0;

    private ExitWord() {}

    /** That of a running thread of the GNU C library, {@link #UNKNOWN} if it is not one. */
    static long ofLibraryThread(int tid, Target memory) throws IOException {
        long block = RobustList.head(tid) - ROBUST_HEAD;
        if (block <= 0) {
            return UNKNOWN;
        }
        ByteBuffer words;
        try {
            words = ByteBuffer.wrap(memory.read(block, ROBUST_HEAD)).order(ByteOrder.LITTLE_ENDIAN);
        } catch (IOException e) {
            return UNKNOWN; // nothing is mapped in front of the list: it is somebody else's
        }
        boolean isControlBlock = words.getLong(0) == block && words.getLong(SELF) == block;
        return isControlBlock && isNumber(words.getInt(TID), tid) ? block + TID : UNKNOWN;
    }

    /**
     * Whether the thread knows itself by {@code number}: in a namespace of processes it has another
     * than here.
     */
    private static boolean isNumber(int number, int tid) throws IOException {
        if (number == tid) {
            return true;
        }
        String[] numbers = ProcessStatus.of(tid).text("NSpid").split("\\s+");
        return numbers[numbers.length - 1].equals(Integer.toString(number));
    }
}
