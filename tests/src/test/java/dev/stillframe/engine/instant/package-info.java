/** What tests of other packages need of the classes of pages. */
@NullMarked
package dev.stillframe.engine.instant;

import org.jspecify.annotations.NullMarked;
