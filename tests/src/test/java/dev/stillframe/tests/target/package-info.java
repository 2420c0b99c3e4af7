/** Processes that tests take snapshots of, and what {@code /proc} says of them. */
@NullMarked
package dev.stillframe.tests.target;

import org.jspecify.annotations.NullMarked;
