/** What the network is reached through. */
@NullMarked
package dev.stillframe.transport.net;

import org.jspecify.annotations.NullMarked;
