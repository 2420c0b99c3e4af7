package dev.stillframe.engine.capture;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** All blocks by address. Looked up by every worker; extended by the arming worker alone, before T0. */
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
        for (int i = index < 0 ? -index - 1 : index; i < now.starts.length && now.starts[i] < end; i++) {
            found.add(now.blocks[i]);
        }
        return found;
    }

    /** Makes more blocks known. */
    void add(Collection<Block> more) {
        if (more.isEmpty()) {
            return;
        }
        TreeMap<Long, Block> all = new TreeMap<>();
        for (Block block : snapshot.blocks) {
            all.put(block.start, block);
        }
        for (Block block : more) {
            all.put(block.start, block);
        }
        snapshot =
                new Snapshot(
                        all.keySet().stream().mapToLong(Long::longValue).toArray(),
                        all.values().toArray(new Block[0]));
    }
}
