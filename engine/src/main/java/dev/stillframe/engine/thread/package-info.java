/** The threads of this product: what each is for. */
@NullMarked
package dev.stillframe.engine.thread;

import org.jspecify.annotations.NullMarked;
