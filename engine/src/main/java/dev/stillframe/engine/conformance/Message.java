package dev.stillframe.engine.conformance;

/**
 * A message of a userfaultfd. Immutable.
 *
 * @param kind what it says
 * @param start the faulting address, or the first address of the range
 * @param end the address behind the range; 0 for a fault
 * @param target where the range went, for {@link Kind#REMAP}
 * @param name of the faulting thread, empty if the message has none; of a fork's descriptor
 */
public record Message(Kind kind, long start, long end, long target, String name) {
    /** Kinds of messages. */
    public enum Kind {
        /** A write to a protected page; flags WRITE and WP. */
        WP,
        /** A read where nothing is. */
        MISSING,
        /** A write where nothing is. */
        MISSING_WRITE,
        /** A page that is not mapped yet. */
        MINOR,
        /** A process was forked. */
        FORK,
        /** A range was moved. */
        REMAP,
        /** A range is being discarded. */
        REMOVE,
        /** A range was unmapped. */
        UNMAP
    }

    /** A fault of nobody that is named. */
    public static Message fault(Kind kind, long address, String thread) {
        return new Message(kind, address, 0, 0, thread);
    }
}
