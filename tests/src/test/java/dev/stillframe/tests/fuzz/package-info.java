/**
 * Any bytes, for everything that reads bytes of others. A decoder gives a value or the exception
 * that it documents, with memory and time in proportion to its input; a value that it gives can be
 * encoded again. The normal build runs the kept inputs of {@code src/test/resources}, the profile
 * {@code fuzz} makes new ones, guided by coverage. An input that failed is kept under the name of
 * what it found.
 *
 * <p>Jazzer changes classes as they are loaded; those that are there before it comes, it changes
 * afterwards, and a JVM that is asked for the components of such a record crashes (25.0.3). So
 * nothing that is read or written as JSON is touched before the first input runs: seeds of JSON are
 * files, and the signatures of a fuzz test, which JUnit resolves, do not name them.
 */
@NullMarked
package dev.stillframe.tests.fuzz;

import org.jspecify.annotations.NullMarked;
