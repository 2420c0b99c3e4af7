package dev.stillframe.transport.receiver;

import dev.stillframe.engine.instant.Layout;
import dev.stillframe.engine.instant.Missing;
import dev.stillframe.transport.wire.DocumentReader;
import java.io.IOException;
import java.util.List;

/** Documents as a receiver reads them. */
public final class Documents {
    private Documents() {}

    /** A layout in parts. */
    public static Layout layout(List<byte[]> parts) throws IOException {
        return DocumentReader.layout(parts);
    }

    /** A list of what is missing in parts. */
    public static List<Missing> missing(List<byte[]> parts) throws IOException {
        return DocumentReader.missing(parts);
    }
}
