package dev.stillframe.engine.mmu;

import java.util.ArrayList;
import java.util.List;

/**
 * References to pages that outlive the call that took them: what a pipe holds after vmsplice(2), or
 * a device of a registered buffer. Whoever holds it sees and changes the pages, not the memory that
 * they were mapped in. Thread-safe.
 */
public final class PageHold {
    private final Mmu mmu;
    private final Grab grab;
    private final int firstOffset;
    private final List<Frame> frames = new ArrayList<>();
    private int length;

    PageHold(Mmu mmu, Grab grab, long address) {
        this.mmu = mmu;
        this.grab = grab;
        this.firstOffset = (int) (address % Mmu.PAGE_BYTES);
    }

    /** The first {@code length} bytes of what is held. */
    public byte[] read(int length) {
        synchronized (mmu) {
            byte[] bytes = new byte[length];
            transfer(bytes, length, false);
            return bytes;
        }
    }

    /** Bytes that are held. */
    public int length() {
        synchronized (mmu) {
            return length;
        }
    }

    /** A device writes: no page table is looked at, and nobody is told. */
    public void write(byte[] bytes) {
        write(0, bytes);
    }

    /** The same from byte {@code start} on. */
    public void write(int start, byte[] bytes) {
        synchronized (mmu) {
            transfer(start, bytes, bytes.length, true);
        }
    }

    void transfer(byte[] bytes, int count, boolean toMemory) {
        transfer(0, bytes, count, toMemory);
    }

    private void transfer(int start, byte[] bytes, int count, boolean toMemory) {
        int done = 0;
        while (done < count) {
            int at = firstOffset + start + done;
            int offset = at % Mmu.PAGE_BYTES;
            int chunk = Math.min(count - done, Mmu.PAGE_BYTES - offset);
            frames.get(at / Mmu.PAGE_BYTES).move(offset, bytes, done, chunk, toMemory);
            done += chunk;
        }
    }

    /** Gives the pages back. */
    public void release() {
        synchronized (mmu) {
            frames.forEach(frame -> count(frame, -1));
            frames.clear();
            length = 0;
        }
    }

    /** One more page, of which {@code bytes} are meant. */
    void add(Frame frame, int bytes) {
        length += bytes;
        frames.add(frame);
        count(frame, 1);
    }

    int pageCount() {
        return frames.size();
    }

    /** Bytes that are held, at most {@code limit}. */
    int heldBytes(int limit) {
        return Math.max(0, Math.min(limit, frames.size() * Mmu.PAGE_BYTES - firstOffset));
    }

    private void count(Frame frame, int by) {
        if (grab.isReference()) {
            frame.hold(grab.isPin(), by);
        }
    }
}
