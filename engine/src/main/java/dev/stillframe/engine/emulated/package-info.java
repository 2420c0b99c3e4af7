/** Targets whose memory is that of the emulated MMU: for tests of the engine that need no kernel, and for its rules. */
@NullMarked
package dev.stillframe.engine.emulated;

import org.jspecify.annotations.NullMarked;
