package dev.stillframe.transport.encoding;

/** What a sender spends on shorter batches. */
public enum Preset {
    /** Nothing: pages go as they are. */
    OFF,

    /** Little: LZ4. */
    FAST,

    /** More: zstd. */
    SMALL,

    /**
     * What the wire is worth: nothing as long as it keeps up with the pages, more if it does not.
     */
    ADAPTIVE
}
