package dev.stillframe.engine.instant;

import java.util.List;

/**
 * What is known only when the last page was copied.
 *
 * @param missing what the image lacks, by address; empty means complete
 * @param rootHash 32 bytes, see {@link RootHash}
 */
@SuppressWarnings("ArrayRecordComponent") // compared with Arrays.equals where it matters
public record Ending(List<Missing> missing, byte[] rootHash) {
    /** Copies the list and checks the length of the hash. */
    public Ending {
        missing = List.copyOf(missing);
        if (rootHash.length != RootHash.BYTES) {
            throw new IllegalArgumentException("root hash of " + rootHash.length + " bytes");
        }
    }
}
