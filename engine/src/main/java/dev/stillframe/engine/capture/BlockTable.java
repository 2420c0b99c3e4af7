package dev.stillframe.engine.capture;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * All blocks by address. Looked up by every worker; extended by the arming worker alone, before T0.
 */
final class BlockTable {
    @SuppressWarnings("ArrayRecordComponent") // never compared
    private record Snapshot(long[] starts, Block[] blocks) {}

    private volatile Snapshot snapshot = new Snapshot(new long[0], new Block[0]);

    /** The block of an address, or null if nothing there is tracked. Allocates nothing. */
    @Nullable Block find(long address) {
        Snapshot now = snapshot;
        int index = Arrays.binarySearch(now.starts, Block.startOf(address));
        return index < 0 ? null : now.blocks[index];
    }

    /** All blocks by address. */
    List<Block> blocks() {
        return List.of(snapshot.blocks);
    }

    /** The blocks that touch {@code [start, end)}, by address. */
    List<Block> within(long start, long end) {
        Snapshot now = snapshot;
        int index = Arrays.binarySearch(now.starts, Block.startOf(start));
        List<Block> found = new ArrayList<>();
        for (int i = index < 0 ? -index - 1 : index;
                i < now.starts.length && now.starts[i] < end;
                i++) {
            found.add(now.blocks[i]);
        }
        return found;
    }

    /** Makes more blocks known, given by address. */
    void add(Collection<Block> more) {
        if (more.isEmpty()) {
            return;
        }
        Block[] known = snapshot.blocks;
        Block[] all = Arrays.copyOf(known, known.length + more.size());
        int next = known.length;
        for (Block block : more) {
            all[next++] = block;
        }
        Arrays.sort(
                all, Comparator.comparingLong(block -> block.start)); // two sorted runs are merged
        snapshot = new Snapshot(Arrays.stream(all).mapToLong(block -> block.start).toArray(), all);
    }
}
