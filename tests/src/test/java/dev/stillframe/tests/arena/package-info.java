/** Arenas under load, with every collector: each image must be one instant. */
@NullMarked
package dev.stillframe.tests.arena;

import org.jspecify.annotations.NullMarked;
