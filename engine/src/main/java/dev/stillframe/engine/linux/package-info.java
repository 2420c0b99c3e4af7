/**
 * The Linux system calls that the engine makes, through the FFM API. The only package that links
 * native symbols.
 */
@NullMarked
package dev.stillframe.engine.linux;

import org.jspecify.annotations.NullMarked;
