/**
 * The model of the page tables against a plain copy of memory: random operations that shrink when
 * they fail.
 */
@NullMarked
package dev.stillframe.tests.mmu;

import org.jspecify.annotations.NullMarked;
