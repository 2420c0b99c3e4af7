/**
 * What one instant is: its layout and where it is from, its threads or its machine, each page's
 * kind and hash, what is missing, and the root hash over all of it.
 */
@NullMarked
package dev.stillframe.engine.instant;

import org.jspecify.annotations.NullMarked;
