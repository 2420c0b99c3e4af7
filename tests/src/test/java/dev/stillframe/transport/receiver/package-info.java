/** What tests of other packages need of the receiver's own classes. */
@NullMarked
package dev.stillframe.transport.receiver;

import org.jspecify.annotations.NullMarked;
