/**
 * Page contents in fewer bytes: what is repeated or known is said in short, the rest is compressed.
 */
@NullMarked
package dev.stillframe.transport.encoding;

import org.jspecify.annotations.NullMarked;
