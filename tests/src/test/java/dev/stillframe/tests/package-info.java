/** Tests of the whole: real processes, real kernel. Unit tests are beside the code they test. */
@NullMarked
package dev.stillframe.tests;

import org.jspecify.annotations.NullMarked;
