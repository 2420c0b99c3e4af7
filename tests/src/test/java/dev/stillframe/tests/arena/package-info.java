/** Arenas of a Java program, with real collectors, real helpers and real kernels. */
@NullMarked
package dev.stillframe.tests.arena;

import org.jspecify.annotations.NullMarked;
