/**
 * Snapshots of real processes on the real kernel. Run as root. {@code -Dstillframe.campaign=true}
 * (Maven profile {@code campaign}) repeats them as often as a release needs; {@code
 * -Dstillframe.seed=NUMBER} repeats a failure.
 */
@NullMarked
package dev.stillframe.tests.system;

import org.jspecify.annotations.NullMarked;
