/** Documents in JSON that come from elsewhere: read within bounds of depth, length and heap. */
@NullMarked
package dev.stillframe.engine.document;

import org.jspecify.annotations.NullMarked;
