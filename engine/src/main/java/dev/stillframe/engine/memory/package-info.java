/**
 * Where memory is and what kind it is: ranges, regions, extents. Plain values; nothing here reads
 * memory.
 */
@NullMarked
package dev.stillframe.engine.memory;

import org.jspecify.annotations.NullMarked;
