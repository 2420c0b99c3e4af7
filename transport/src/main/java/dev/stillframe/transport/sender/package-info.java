/** The sending end: a sink of pages that is a connection, with flow control and deadlines. */
@NullMarked
package dev.stillframe.transport.sender;

import org.jspecify.annotations.NullMarked;
