package dev.stillframe.engine.capture;

import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.process.FrozenThread;
import dev.stillframe.engine.process.Target;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

/**
 * Where the kernel writes when a thread exits: the word that a joiner waits for, the thread's
 * control block (with the rseq area) and every robust mutex that it holds. A write fault of an
 * exiting thread is dropped, not handled, so these pages must not be protected then. Sources:
 * set_tid_address(2), get_robust_list(2), {@code kernel/futex/core.c}.
 */
final class ThreadPages {
    /**
     * Around the thread pointer: glibc's control block begins there, its static TLS and rseq area
     * end there.
     */
    private static final long AROUND_BYTES = 4096;

    private static final int ROBUST_LIST_LIMIT = 2048; // as in the kernel
    private static final int HEAD_BYTES = 24;

    private ThreadPages() {}

    /**
     * The ranges, not aligned. What cannot be read because the thread is already half gone is left
     * out.
     */
    static List<AddressRange> of(FrozenThread thread, Target memory) {
        List<AddressRange> ranges = new ArrayList<>();
        around(thread.threadPointer(), ranges);
        around(thread.robustList(), ranges);
        word(thread.exitWord(), ranges);
        if (thread.robustList() != 0) {
            try {
                mutexes(thread.robustList(), memory, ranges);
            } catch (IOException e) {
                return ranges; // the list ends in memory that is not there: the kernel stops at the
                // same place
            }
        }
        return ranges;
    }

    private static void around(long address, List<AddressRange> ranges) {
        if (address > AROUND_BYTES) {
            ranges.add(new AddressRange(address - AROUND_BYTES, address + AROUND_BYTES));
        }
    }

    /**
     * {@code struct robust_list_head}: next entry, offset from an entry to its futex word, the
     * entry in the making.
     */
    private static void mutexes(long head, Target memory, List<AddressRange> ranges)
            throws IOException {
        ByteBuffer words =
                ByteBuffer.wrap(memory.read(head, HEAD_BYTES)).order(ByteOrder.LITTLE_ENDIAN);
        long offset = words.getLong(8);
        long pendingEntry = words.getLong(16) & ~1L; // the lowest bit marks a PI mutex
        if (pendingEntry != 0) {
            word(pendingEntry + offset, ranges);
        }
        long entry = words.getLong(0) & ~1L;
        for (int i = 0; entry != head && entry != 0 && i < ROBUST_LIST_LIMIT; i++) {
            word(entry + offset, ranges);
            byte[] next = memory.read(entry, Long.BYTES);
            entry = ByteBuffer.wrap(next).order(ByteOrder.LITTLE_ENDIAN).getLong() & ~1L;
        }
    }

    private static void word(long address, List<AddressRange> ranges) {
        if (address > 0) {
            ranges.add(new AddressRange(address, address + Integer.BYTES));
        }
    }
}
