/**
 * The receiving end: sessions that take images from hostile peers and put them into sinks. The
 * states are pure; the event loop moves bytes; each session has one thread of its own for
 * everything that may block.
 */
@NullMarked
package dev.stillframe.transport.receiver;

import org.jspecify.annotations.NullMarked;
