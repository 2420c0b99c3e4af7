package dev.stillframe.engine.document;

/**
 * How much heap a layout, a list of what is missing or a manifest can take when it is read,
 * whatever its bytes are: an upper bound that follows from the bytes alone, so that it is known as
 * they come, before anything is made of them. A few bytes of JSON can become an object many times
 * their length. Counts all that is made of a document: its objects, their places in lists, and what
 * is looked up by (a table of extents, one of missing ranges). The bytes themselves are not
 * counted. Owned by one thread.
 *
 * <p>It is as good as {@link Json} is strict: what is counted wrongly behind a fault in the text is
 * never read.
 */
public final class DocumentWeight {
    /** An object or a list. */
    private static final int STRUCTURE_BYTES = 64;

    /**
     * A string without its characters; also what an element of a list takes besides, or a number
     * that becomes a string.
     */
    private static final int VALUE_BYTES = 64;

    /**
     * A character outside of ASCII makes all of its string two bytes wide, and base64 is in memory
     * twice for a moment.
     */
    private static final int TEXT_FACTOR = 2;

    private long heapBytes;

    /** Of the last string, which a colon shows to be a name; those are not kept. */
    private long lastStringBytes;

    private boolean inString;
    private boolean escaped;

    /**
     * A bit for each level that is open, the innermost lowest: 1 for a list. More levels than bits
     * are never read.
     */
    private long levels;

    /** Looks at the next bytes of the document. */
    public void add(byte[] bytes, int offset, int length) {
        for (int at = offset; at < offset + length; at++) {
            if (inString) {
                addText(bytes[at]);
            } else {
                addToken(bytes[at]);
            }
        }
    }

    private void addText(byte character) {
        lastStringBytes += TEXT_FACTOR;
        heapBytes += TEXT_FACTOR;
        if (escaped) {
            escaped = false;
        } else if (character == '\\') {
            escaped = true;
        } else if (character == '"') {
            inString = false;
        }
    }

    private void addToken(byte character) {
        switch (character) {
            case '"' -> {
                inString = true;
                lastStringBytes = VALUE_BYTES;
                heapBytes += VALUE_BYTES;
            }
            case ':' -> {
                heapBytes -= lastStringBytes;
                lastStringBytes = 0;
            }
            case '{', '[' -> {
                levels = levels << 1 | (character == '[' ? 1 : 0);
                heapBytes += STRUCTURE_BYTES;
            }
            case '}', ']' -> levels >>>= 1;
            case ',' -> heapBytes += VALUE_BYTES * (levels & 1);
            default -> {} // white space, numbers and words take nothing of their own
        }
    }

    /** The bound for what was looked at so far. */
    public long heapBytes() {
        return heapBytes;
    }
}
