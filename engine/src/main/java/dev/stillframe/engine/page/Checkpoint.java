package dev.stillframe.engine.page;

/**
 * How far a stream of pages has come.
 *
 * @param batches all batches up to and including this number, counted from 1; 0 before the first
 * @param pages how many pages were in them
 */
public record Checkpoint(long batches, long pages) {
    /** Before the first batch. */
    public static final Checkpoint START = new Checkpoint(0, 0);
}
