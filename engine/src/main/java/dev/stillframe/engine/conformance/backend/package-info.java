/** The machines that are here: the kernel's and the model's. */
@NullMarked
package dev.stillframe.engine.conformance.backend;

import org.jspecify.annotations.NullMarked;
