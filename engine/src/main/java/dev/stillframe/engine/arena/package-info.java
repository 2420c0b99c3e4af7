/** Off-heap memory of a Java program that can be captured at one instant while the program writes to it. */
@NullMarked
package dev.stillframe.engine.arena;

import org.jspecify.annotations.NullMarked;
