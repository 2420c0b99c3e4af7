/**
 * Off-heap memory of a Java program that can be snapshotted while it is written. The emulated
 * flavour is pure Java: no privilege, no kernel feature, no native call.
 */
@NullMarked
package dev.stillframe.engine.arena;

import org.jspecify.annotations.NullMarked;
