/** The side that connects: what a sender and a reader of images have in common. */
@NullMarked
package dev.stillframe.transport.client;

import org.jspecify.annotations.NullMarked;
