/** The program: where it starts, how it stops, and how its parts are put together. */
@NullMarked
package dev.stillframe.agent;

import org.jspecify.annotations.NullMarked;
