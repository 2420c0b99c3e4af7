/** Rules about who may know whom. */
@NullMarked
package dev.stillframe.tests.architecture;

import org.jspecify.annotations.NullMarked;
