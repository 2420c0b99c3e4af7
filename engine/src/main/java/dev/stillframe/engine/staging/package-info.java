/**
 * Between whoever copies pages and the sink: bounded memory, hashing, and the record of what was
 * sent.
 */
@NullMarked
package dev.stillframe.engine.staging;

import org.jspecify.annotations.NullMarked;
