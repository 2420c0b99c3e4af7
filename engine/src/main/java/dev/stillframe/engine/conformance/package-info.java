/**
 * What userfaultfd write-protection promises, as scenarios in text, and the means to run them on
 * this kernel and on the emulated MMU under every rule of copy-on-write that Linux had. The text
 * form is described in {@code CONFORMANCE.md}.
 */
@NullMarked
package dev.stillframe.engine.conformance;

import org.jspecify.annotations.NullMarked;
