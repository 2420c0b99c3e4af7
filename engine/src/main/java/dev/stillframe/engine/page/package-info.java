/** Pages on the move: batches, their hashes, and the sink that takes them. No I/O and no kernel here. */
@NullMarked
package dev.stillframe.engine.page;

import org.jspecify.annotations.NullMarked;
