/**
 * What there is to do, as the command line sees it: take, send, receive. Wires engine and transport
 * together.
 */
@NullMarked
package dev.stillframe.agent.job;

import org.jspecify.annotations.NullMarked;
