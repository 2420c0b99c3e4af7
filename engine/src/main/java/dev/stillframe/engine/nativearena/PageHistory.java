package dev.stillframe.engine.nativearena;

import dev.stillframe.engine.arena.ArenaReport;
import dev.stillframe.engine.arena.MemoryArena;
import dev.stillframe.engine.memory.MemoryFile;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.BitSet;
import java.util.TreeMap;

/**
 * What is known of each page of an arena from its published snapshots: what it held at the last
 * one, and at which one it was last found changed. Snapshots of changes are made from that. Takes
 * 20 bytes a page. Owned by whoever is busy with the arena.
 */
final class PageHistory {
    static final int PAGE_BYTES = MemoryArena.PAGE_BYTES;

    /** So far back an image may be to be a parent. */
    private static final int MOST_PARENTS = 1000;

    private final int[] changedAt;
    private final TreeMap<Integer, String> published = new TreeMap<>();
    private PageContents contents;
    private BitSet written = new BitSet();

    /** Of an arena of zeros of which there is no snapshot. */
    PageHistory(int pages) {
        changedAt = new int[pages];
        contents = new PageContents(pages);
    }

    /** Throws if {@code parent} is not one of the last thousand snapshots. */
    void checkParent(ArenaReport parent, MemoryArena arena) {
        if (!parent.rootHash().equals(published.get(parent.epoch()))) {
            throw new IllegalArgumentException(
                    "image %s is none of the last %d of %s"
                            .formatted(parent.rootHash(), MOST_PARENTS, arena));
        }
    }

    /** What the pages held at the last published snapshot. */
    PageContents contents() {
        return contents;
    }

    /** Adds to what may have been written since the last published snapshot. */
    void addWritten(BitSet more) {
        written.or(more);
    }

    /**
     * What may have been written since the last published snapshot; whatever is not in it was not.
     */
    BitSet written() {
        return (BitSet) written.clone();
    }

    /** Pages that were found changed at snapshots later than {@code epoch}. */
    BitSet changedAfter(int epoch) {
        BitSet changed = new BitSet();
        for (int page = 0; page < changedAt.length; page++) {
            if (changedAt[page] > epoch) {
                changed.set(page);
            }
        }
        return changed;
    }

    /**
     * Finds anew what may have been written, after a time in which nobody watched: what is not as
     * it was at the last published snapshot. Every write after the call began must be seen by
     * others.
     *
     * @param file what {@code memory} shows: holes are not touched
     */
    void compare(MemorySegment memory, MemoryFile file) throws IOException {
        BitSet differing = new BitSet();
        long at = 0;
        while (at < memory.byteSize()) {
            long data = file.nextData(at);
            long start = data < 0 ? memory.byteSize() : data & -PAGE_BYTES;
            contents.addNotZero(at, start, differing);
            if (data < 0) {
                break;
            }
            long hole = file.nextHole(data);
            long end =
                    hole < 0
                            ? memory.byteSize()
                            : Math.min(memory.byteSize(), (hole + PAGE_BYTES - 1) & -PAGE_BYTES);
            contents.addDiffering(memory, start, end, differing);
            at = end;
        }
        written = differing;
    }

    /** A whole image was published: {@code now} is what it holds. */
    void published(ArenaReport report, PageContents now) {
        for (int page = 0; page < changedAt.length; page++) {
            if (!now.isSame(page, contents)) {
                changedAt[page] = report.epoch();
            }
        }
        contents = now;
        remember(report);
    }

    /**
     * An image of changes was published: {@code changed} are the pages that are not as they were,
     * as {@code now} has them.
     */
    void published(ArenaReport report, BitSet changed, PageContents now) {
        changed.stream()
                .forEach(
                        page -> {
                            changedAt[page] = report.epoch();
                            contents.take(page, now);
                        });
        remember(report);
    }

    private void remember(ArenaReport report) {
        written = new BitSet();
        published.put(report.epoch(), report.rootHash());
        if (published.size() > MOST_PARENTS) {
            published.pollFirstEntry();
        }
    }
}
