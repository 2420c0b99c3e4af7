package dev.stillframe.engine.capture;

import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.memory.MemoryFile;
import dev.stillframe.engine.memory.RegionKind;
import org.jspecify.annotations.Nullable;

/**
 * A range that is registered with the tracker. Immutable.
 *
 * @param range what was registered
 * @param kind of the mapping
 * @param file what is mapped, for shared memory, which is read through it because reading a mapping
 *     would fill holes; null otherwise
 * @param fileDelta address minus file offset
 * @param object device and inode of the shared memory, empty otherwise: equal for two mappings of
 *     the same memory
 */
record TrackedMapping(
        AddressRange range,
        RegionKind kind,
        @Nullable MemoryFile file,
        long fileDelta,
        String object) {
    TrackedMapping part(long start, long end) {
        return new TrackedMapping(new AddressRange(start, end), kind, file, fileDelta, object);
    }

    /** The part of it that lies in {@code block}. */
    Piece piece(Block block) {
        int first = range.start() <= block.start ? 0 : Block.pageOf(range.start());
        int end =
                range.end() >= block.start + Block.BYTES ? Block.PAGES : Block.pageOf(range.end());
        return new Piece(first, end, this);
    }
}
