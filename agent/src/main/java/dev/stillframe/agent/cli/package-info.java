/** The command line: one class a command, and how facts and failures are put into words. */
@NullMarked
package dev.stillframe.agent.cli;

import org.jspecify.annotations.NullMarked;
