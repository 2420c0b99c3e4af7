/** What tests of other packages need of the scenarios' own classes. */
@NullMarked
package dev.stillframe.engine.conformance;

import org.jspecify.annotations.NullMarked;
