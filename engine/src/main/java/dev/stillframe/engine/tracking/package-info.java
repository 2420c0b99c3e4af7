/**
 * How writes to a target's memory become known: {@link WriteTracker} is told of a write and keeps
 * it waiting; {@link WriteMarks} is asked, and nobody waits. Each is the kernel's userfaultfd, or a
 * model of it.
 */
@NullMarked
package dev.stillframe.engine.tracking;

import org.jspecify.annotations.NullMarked;
