package dev.stillframe.engine.image;

import dev.stillframe.engine.document.Json;
import dev.stillframe.engine.page.Checkpoint;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;

/** Headers of indexes, and journals, as readers of images read them. */
public final class Headers {
    private Headers() {}

    /** The header of a finished index. */
    public static byte[] index(int pageSizeBytes, long pageCount, byte[] manifest) {
        return new IndexHeader(pageSizeBytes, pageCount, Json.sha256().digest(manifest)).encode();
    }

    /** Read, and written again. */
    public static byte[] indexAgain(byte[] header) throws ImageFormatException {
        return IndexHeader.decode(header, Path.of("index")).encode();
    }

    /**
     * How far a journal says that its image is; nothing if it is not the journal of {@code key}.
     */
    public static Optional<Checkpoint> journal(Path file, byte[] key) throws IOException {
        try (ImageJournal journal = ImageJournal.open(file, key)) {
            return Optional.ofNullable(journal).map(open -> open.last().checkpoint());
        }
    }

    /** Writes an entry into a journal that is there. */
    public static void journal(Path file, byte[] key, Checkpoint reached) throws IOException {
        try (ImageJournal journal = ImageJournal.open(file, key)) {
            if (journal == null) {
                throw new IOException("no journal: " + file);
            }
            journal.reached(reached);
        }
    }
}
