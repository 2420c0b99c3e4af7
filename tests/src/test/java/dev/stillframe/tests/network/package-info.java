/**
 * Sessions over a network that cuts, stalls, delays and damages, and peers that do not behave.
 * {@code -Dstillframe.campaign=true} repeats them as often as a release needs; each prints its
 * seed.
 */
@NullMarked
package dev.stillframe.tests.network;

import org.jspecify.annotations.NullMarked;
