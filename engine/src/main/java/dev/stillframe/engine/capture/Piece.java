package dev.stillframe.engine.capture;

import dev.stillframe.engine.linux.Descriptor;
import dev.stillframe.engine.memory.RegionKind;
import org.jspecify.annotations.Nullable;

/**
 * The part of a block that belongs to one registered mapping. Immutable.
 *
 * @param firstPage within the block
 * @param endPage behind the last
 * @param kind of the mapping
 * @param file what is mapped, for shared memory; read through it, because reading a mapping would fill holes
 * @param fileDelta address minus file offset
 */
record Piece(int firstPage, int endPage, RegionKind kind, @Nullable Descriptor file, long fileDelta) {}
