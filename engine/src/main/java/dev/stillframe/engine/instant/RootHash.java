package dev.stillframe.engine.instant;

import dev.stillframe.engine.document.Json;
import dev.stillframe.engine.memory.Extent;
import dev.stillframe.engine.memory.Region;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.List;

/**
 * The one hash that an image is known by: SHA-256 over the ASCII text {@code stillframe image 1},
 * the SHA-256 of the layout's JSON, the SHA-256 of the JSON of what is missing, and then the {@link
 * PageRecords} of all extents in order of their addresses, {@link PageRecords#RECORD_BYTES} bytes
 * each.
 */
public final class RootHash {
    /** Length in bytes. */
    public static final int BYTES = 32;

    private static final int RECORDS_PER_STEP = 4096;

    private RootHash() {}

    /** Computes the root hash. Reads every record once. */
    public static byte[] of(Layout layout, List<Missing> missing, PageRecords records)
            throws IOException {
        MessageDigest root = Json.sha256();
        root.update("stillframe image 1".getBytes(StandardCharsets.US_ASCII));
        root.update(Json.digest(layout));
        root.update(Json.digest(missing));
        ByteBuffer step = ByteBuffer.allocate(RECORDS_PER_STEP * PageRecords.RECORD_BYTES);
        for (Region region : layout.regions()) {
            for (Extent extent : region.extents()) {
                add(root, extent, records, step);
            }
        }
        return root.digest();
    }

    private static void add(MessageDigest root, Extent extent, PageRecords records, ByteBuffer step)
            throws IOException {
        for (long ordinal = extent.firstOrdinal();
                ordinal < extent.endOrdinal();
                ordinal += RECORDS_PER_STEP) {
            int count = (int) Math.min(RECORDS_PER_STEP, extent.endOrdinal() - ordinal);
            step.clear().limit(count * PageRecords.RECORD_BYTES);
            records.copy(ordinal, count, step);
            root.update(step.flip());
        }
    }
}
