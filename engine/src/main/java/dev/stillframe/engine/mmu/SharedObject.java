package dev.stillframe.engine.mmu;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** A memfd, or a regular file: pages that several mappings and processes can share. Thread-safe. */
public final class SharedObject {
    /** Half of the kernel's window for reading a file that is mapped. */
    private static final int READ_AROUND_PAGES = 16;

    private final Mmu mmu;
    private final int number;
    private final boolean regularFile;
    private final TreeMap<Long, Frame> pages = new TreeMap<>();
    private final Set<Frame> evicted = new HashSet<>();
    private long pageCount = Long.MAX_VALUE;

    SharedObject(Mmu mmu, boolean regularFile) {
        this.mmu = mmu;
        this.number = mmu.nextId();
        this.regularFile = regularFile;
    }

    /** Its inode number, unique in its machine. */
    public int number() {
        return number;
    }

    /**
     * lseek(2) with SEEK_DATA: the first offset from {@code offset} on that holds data; -1 if there
     * is none.
     */
    public long nextData(long offset) {
        synchronized (mmu) {
            Long page = pages.ceilingKey(offset / Mmu.PAGE_BYTES);
            return page == null ? -1 : Math.max(offset, page * Mmu.PAGE_BYTES);
        }
    }

    /** lseek(2) with SEEK_HOLE: the first offset from {@code offset} on that holds no data. */
    public long nextHole(long offset) {
        synchronized (mmu) {
            long page = offset / Mmu.PAGE_BYTES;
            if (!pages.containsKey(page)) {
                return offset;
            }
            while (pages.containsKey(page)) {
                page++;
            }
            return page * Mmu.PAGE_BYTES;
        }
    }

    /** Whether it is a file on disk. */
    public boolean isRegularFile() {
        return regularFile;
    }

    /** Its length. */
    long pageCount() {
        return pageCount;
    }

    @Nullable Frame cached(long index) {
        return pages.get(index);
    }

    /** The page at {@code index} if it is in memory, not in swap. */
    @Nullable Frame resident(long index) {
        Frame frame = pages.get(index);
        return frame == null || evicted.contains(frame) ? null : frame;
    }

    /**
     * The page at {@code index}, made or brought back if it is not there. A file on disk is read
     * around it.
     */
    Frame page(long index) {
        if (regularFile && pageCount < Long.MAX_VALUE && !pages.containsKey(index)) {
            long first = Math.max(0, index - READ_AROUND_PAGES);
            for (long each = first; each < Math.min(index + READ_AROUND_PAGES, pageCount); each++) {
                newPage(each);
            }
        }
        Frame frame = newPage(index);
        evicted.remove(frame);
        return frame;
    }

    private Frame newPage(long index) {
        return pages.computeIfAbsent(
                index,
                _ -> {
                    Frame frame = mmu.newFrame(Frame.Kind.CACHE);
                    frame.cached = true;
                    return frame;
                });
    }

    /**
     * A page of shared memory went to swap, a page of a file back to it; nobody maps it any more.
     */
    void evict(Frame frame) {
        mmu.unmapEverywhere(frame);
        evicted.add(frame);
    }

    /** ftruncate(2): what is beyond is gone, private copies included, and cannot be touched. */
    public void truncate(long bytes) {
        synchronized (mmu) {
            pageCount = bytes / Mmu.PAGE_BYTES;
            List<Frame> gone = new ArrayList<>(pages.tailMap(pageCount).values());
            mmu.unmapBeyond(this, pageCount);
            gone.forEach(frame -> frame.cached = false);
            pages.values().removeAll(gone);
        }
    }

    /** pwrite(2): no page table is involved, so nobody is told. */
    public void write(long offset, byte[] bytes) {
        synchronized (mmu) {
            for (int i = 0; i < bytes.length; i++) {
                Frame frame = newPage((offset + i) / Mmu.PAGE_BYTES);
                evicted.remove(frame);
                frame.put((int) ((offset + i) % Mmu.PAGE_BYTES), bytes[i]);
            }
        }
    }

    /** pread(2); holes are zeros. */
    public byte[] read(long offset, int length) {
        synchronized (mmu) {
            byte[] bytes = new byte[length];
            for (int i = 0; i < length; i++) {
                Frame frame = pages.get((offset + i) / Mmu.PAGE_BYTES);
                bytes[i] = frame == null ? 0 : frame.get((int) ((offset + i) % Mmu.PAGE_BYTES));
            }
            return bytes;
        }
    }

    /**
     * fallocate(2) with FALLOC_FL_PUNCH_HOLE: every mapping loses the pages, and none its
     * protection.
     */
    public void punchHole(long offset, long bytes) {
        synchronized (mmu) {
            long first = offset / Mmu.PAGE_BYTES;
            List<Frame> gone =
                    new ArrayList<>(pages.subMap(first, first + bytes / Mmu.PAGE_BYTES).values());
            for (Frame frame : gone) {
                mmu.unmapEverywhere(frame);
                frame.cached = false;
            }
            pages.values().removeAll(gone);
        }
    }
}
