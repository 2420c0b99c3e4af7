/** Memory of a process that comes while the process runs. */
@NullMarked
package dev.stillframe.engine.postcopy;

import org.jspecify.annotations.NullMarked;
