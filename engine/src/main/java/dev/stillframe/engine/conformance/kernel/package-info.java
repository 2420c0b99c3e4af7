/** Scenarios on the kernel that runs here: small processes, the actors, do what a scenario says. */
@NullMarked
package dev.stillframe.engine.conformance.kernel;

import org.jspecify.annotations.NullMarked;
