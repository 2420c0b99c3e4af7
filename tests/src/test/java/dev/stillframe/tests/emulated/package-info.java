/**
 * Targets whose memory is that of the emulated MMU, and the engine on them: for tests that need no
 * kernel, and for its rules.
 */
@NullMarked
package dev.stillframe.tests.emulated;

import org.jspecify.annotations.NullMarked;
