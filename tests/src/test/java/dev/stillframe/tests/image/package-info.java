/** Sinks that keep, drop or slow down pages, and checks of what a snapshot gave. */
@NullMarked
package dev.stillframe.tests.image;

import org.jspecify.annotations.NullMarked;
