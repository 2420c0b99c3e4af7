/** A running process as a target: how it is found, refused, attached, frozen, thawed and released. */
@NullMarked
package dev.stillframe.engine.target;

import org.jspecify.annotations.NullMarked;
