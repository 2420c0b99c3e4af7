/**
 * Knows what the memory of the program {@code oracle.c} can be at one instant, and tells when it is
 * not.
 */
@NullMarked
package dev.stillframe.tests.oracle;

import org.jspecify.annotations.NullMarked;
