/**
 * What crosses the wire, byte by byte: messages, frames, limits, error codes. Everything read here
 * may come from a hostile peer. No channel, no thread and no image in here; {@code
 * transport/PROTOCOL.md} is the specification.
 */
@NullMarked
package dev.stillframe.transport.wire;

import org.jspecify.annotations.NullMarked;
