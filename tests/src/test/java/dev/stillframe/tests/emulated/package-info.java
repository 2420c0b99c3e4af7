/** The engine on targets of the emulated MMU. */
@NullMarked
package dev.stillframe.tests.emulated;

import org.jspecify.annotations.NullMarked;
