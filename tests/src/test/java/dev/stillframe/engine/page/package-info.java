/** What tests of other packages need of the classes of pages. */
@NullMarked
package dev.stillframe.engine.page;

import org.jspecify.annotations.NullMarked;
