/** Who may speak to whom, and that nobody listens in. */
@NullMarked
package dev.stillframe.transport.security;

import org.jspecify.annotations.NullMarked;
