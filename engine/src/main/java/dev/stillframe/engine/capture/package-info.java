/** Arm, freeze, sweep: one instant out of moving memory. Page claims and staging live here. */
@NullMarked
package dev.stillframe.engine.capture;

import org.jspecify.annotations.NullMarked;
