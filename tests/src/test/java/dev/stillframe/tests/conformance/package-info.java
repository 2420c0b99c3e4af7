/** The conformance scenarios on this kernel and on the model, and that they can fail. */
@NullMarked
package dev.stillframe.tests.conformance;

import org.jspecify.annotations.NullMarked;
