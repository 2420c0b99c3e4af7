/** What tests of other packages need of the classes of images. */
@NullMarked
package dev.stillframe.engine.image;

import org.jspecify.annotations.NullMarked;
