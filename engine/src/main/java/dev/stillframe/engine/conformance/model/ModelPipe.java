package dev.stillframe.engine.conformance.model;

import dev.stillframe.engine.mmu.EmulatedProcess;
import dev.stillframe.engine.mmu.PageHold;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashSet;
import java.util.Set;

/**
 * A pipe with what was spliced into it; gone with the last process that has it. Owned by the
 * machine's thread.
 */
final class ModelPipe {
    private final Set<EmulatedProcess> holders = new HashSet<>();
    private final Deque<Part> parts = new ArrayDeque<>();

    /** What one vmsplice(2) put there, and how much of it has been read. */
    private static final class Part {
        final PageHold hold;
        int read;

        Part(PageHold hold) {
            this.hold = hold;
        }
    }

    void heldBy(EmulatedProcess process) {
        holders.add(process);
    }

    void add(PageHold hold) {
        parts.add(new Part(hold));
    }

    /** read(2): so many bytes at most; pages that have been read are given back. */
    byte[] read(int most) {
        byte[] bytes = new byte[most];
        int done = 0;
        while (done < most && !parts.isEmpty()) {
            Part part = parts.element();
            int left = part.hold.length() - part.read;
            int count = Math.min(left, most - done);
            byte[] start = part.hold.read(part.read + count);
            System.arraycopy(start, part.read, bytes, done, count);
            done += count;
            part.read += count;
            if (count == left) {
                parts.remove().hold.release();
            }
        }
        return Arrays.copyOf(bytes, done);
    }

    /** A process has ended, or has another program. */
    void leftBy(EmulatedProcess process) {
        if (holders.remove(process) && holders.isEmpty()) {
            parts.forEach(part -> part.hold.release());
            parts.clear();
        }
    }
}
