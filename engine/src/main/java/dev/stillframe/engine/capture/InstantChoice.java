package dev.stillframe.engine.capture;

/** Where the instant of a snapshot lies between its start and its end. */
public enum InstantChoice {
    /** At the end, if the rounds come to one; otherwise at the start. */
    AUTO,
    /**
     * After rounds that copy what was written since the round before: the target never waits for us
     * but in the pause, which follows what it writes meanwhile.
     */
    END,
    /**
     * Before anything is copied: the pause is short however much the target writes, but whoever
     * writes to a page that is not copied yet waits until it is.
     */
    START
}
