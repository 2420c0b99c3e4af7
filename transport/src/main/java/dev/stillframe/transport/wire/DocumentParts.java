package dev.stillframe.transport.wire;

import dev.stillframe.engine.document.DocumentWeight;
import dev.stillframe.engine.document.HeapAllowance;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * The parts of a document as they come. The heap that they take, and all that is made of them when
 * they are read, is asked for before a part is kept: a few bytes of a document can become an object
 * many times their length. Owned by one thread.
 */
public final class DocumentParts {
    private final String what;
    private final HeapAllowance heap;
    private List<byte[]> parts = new ArrayList<>();
    private DocumentWeight weight = new DocumentWeight();
    private long weighedBytes;
    private long lentBytes;

    /**
     * None yet.
     *
     * @param what the documents, in words
     * @param heap lends what they take
     */
    public DocumentParts(String what, HeapAllowance heap) {
        this.what = what;
        this.heap = heap;
    }

    /**
     * Adds one more part, which is not copied.
     *
     * @throws IOException as the {@link HeapAllowance} says; the part is not kept then
     */
    public void add(byte[] part) throws IOException {
        weight.add(part, 0, part.length);
        long more =
                Math.max(
                        0,
                        weight.heapBytes()
                                - weighedBytes); // less if its last string proved to be a name
        heap.take(what, part.length + more);
        weighedBytes += more;
        lentBytes += part.length + more;
        parts.add(part);
    }

    /** Heap that was lent for the document that is coming. */
    public long lentBytes() {
        return lentBytes;
    }

    /** The document; the next part begins another one. What both take adds up. */
    public List<byte[]> take() {
        List<byte[]> whole = parts;
        parts = new ArrayList<>();
        weight = new DocumentWeight();
        weighedBytes = 0;
        lentBytes = 0;
        return whole;
    }
}
