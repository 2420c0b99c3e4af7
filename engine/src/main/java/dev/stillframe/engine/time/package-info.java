/**
 * Time as a parameter: whoever looks at the clock was given it, so that a test can be the one that
 * moves it. Waits themselves are real.
 */
@NullMarked
package dev.stillframe.engine.time;

import org.jspecify.annotations.NullMarked;
