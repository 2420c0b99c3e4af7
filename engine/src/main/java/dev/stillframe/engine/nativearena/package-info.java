/** The arena that the kernel protects, and the process that handles its faults. Linux only. */
@NullMarked
package dev.stillframe.engine.nativearena;

import org.jspecify.annotations.NullMarked;
