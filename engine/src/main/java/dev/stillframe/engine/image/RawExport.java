package dev.stillframe.engine.image;

import dev.stillframe.engine.instant.Missing;
import dev.stillframe.engine.memory.AddressRange;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** Writes memory of an image into a file, byte for byte. Stateless. */
public final class RawExport {
    private RawExport() {}

    /**
     * What a user can choose.
     *
     * @param allowMissing whether zeros may stand for what the image does not have
     * @param overwrite whether an existing regular file may be replaced
     */
    public record Options(boolean allowMissing, boolean overwrite) {}

    /**
     * Writes {@code range} to {@code file}, with holes for zeros, mode 0600. On failure there is no
     * file, or the one that was there before.
     *
     * @return what the image does not have of the range; zeros are in its place. Empty unless
     *     allowed
     * @throws IOException if something is missing and that is not allowed, the file exists, a page
     *     is damaged or the file cannot be written
     */
    public static List<Missing> write(
            ImageReader reader, AddressRange range, Path file, Options options) throws IOException {
        List<Missing> missing = reader.unavailable(range);
        if (!missing.isEmpty() && !options.allowMissing()) {
            Missing first = missing.getFirst();
            throw new IOException(
                    ("%s does not have all of %s: %d parts are missing, the first %s (%s); allow "
                                    + "missing parts to get zeros there")
                            .formatted(
                                    reader.image(),
                                    range,
                                    missing.size(),
                                    first.range(),
                                    first.reason()));
        }
        try (SparseOutput output =
                SparseOutput.create(file, range.sizeBytes(), options.overwrite())) {
            output.copy(reader, range, 0);
            output.commit();
        }
        return missing;
    }
}
