/**
 * The demonstration: a busy writer whose memory can be computed, and what proves an image of it
 * right.
 */
@NullMarked
package dev.stillframe.agent.demo;

import org.jspecify.annotations.NullMarked;
