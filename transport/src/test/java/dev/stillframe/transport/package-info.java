/** What the tests of the transport share: batches, layouts, sinks. */
@NullMarked
package dev.stillframe.transport;

import org.jspecify.annotations.NullMarked;
