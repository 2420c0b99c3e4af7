/** The reading end: pages of an image that is on another host, fetched as they are needed. */
@NullMarked
package dev.stillframe.transport.reader;

import org.jspecify.annotations.NullMarked;
