/** The one registry of a process; engine and transport are handed it and never make their own. */
@NullMarked
package dev.stillframe.agent.metrics;

import org.jspecify.annotations.NullMarked;
