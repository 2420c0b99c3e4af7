/**
 * A running process as a target: how it is found, refused, attached, frozen, thawed and released.
 */
@NullMarked
package dev.stillframe.engine.process;

import org.jspecify.annotations.NullMarked;
