/** Scenarios on the emulated MMU. */
@NullMarked
package dev.stillframe.engine.conformance.model;

import org.jspecify.annotations.NullMarked;
