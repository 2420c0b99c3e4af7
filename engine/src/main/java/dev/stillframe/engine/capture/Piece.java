package dev.stillframe.engine.capture;

/**
 * The part of a block that belongs to one registered mapping. Immutable.
 *
 * @param firstPage within the block
 * @param endPage behind the last
 * @param mapping what is registered there
 */
record Piece(int firstPage, int endPage, TrackedMapping mapping) {}
