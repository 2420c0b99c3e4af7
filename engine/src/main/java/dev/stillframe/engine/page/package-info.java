/** Pages on their way: batches, and the sinks that take them. No I/O and no kernel here. */
@NullMarked
package dev.stillframe.engine.page;

import org.jspecify.annotations.NullMarked;
