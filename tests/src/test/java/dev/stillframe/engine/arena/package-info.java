/** Tests of arenas that need what only they and it see. */
@org.jspecify.annotations.NullMarked
package dev.stillframe.engine.arena;
