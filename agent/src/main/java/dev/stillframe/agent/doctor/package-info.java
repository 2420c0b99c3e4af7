/** Whether snapshots will work on this machine, and what to change if not. */
@NullMarked
package dev.stillframe.agent.doctor;

import org.jspecify.annotations.NullMarked;
