/**
 * Benchmarks: programs, started by {@code tests/bench NAME}, that print their figures and write
 * them as JSON. Not tests: nothing here fails because a machine is slow.
 */
@NullMarked
package dev.stillframe.tests.bench;

import org.jspecify.annotations.NullMarked;
