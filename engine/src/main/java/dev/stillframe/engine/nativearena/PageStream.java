package dev.stillframe.engine.nativearena;

import dev.stillframe.engine.document.Json;
import dev.stillframe.engine.instant.Missing;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.List;

/**
 * How pages go from the handler's process to the arena's, through a pipe between the two of one
 * program: parts that each begin with a byte. Not a format for storage or networks: both ends are
 * of one build.
 */
final class PageStream {
    /**
     * A request for a whole snapshot: the size of staging in bytes, and the stall timeout in
     * milliseconds.
     */
    static final int TAKE = 'T';

    /** A request to stop the threads and copy what is marked as written. */
    static final int STOP = 'S';

    /**
     * What was marked: T0 in nanoseconds since 1970, the pause in nanoseconds, the number of runs;
     * of each the first page and the number of pages; then all the pages.
     */
    static final int WRITTEN = 'W';

    /** A layout: its length and its JSON. */
    static final int LAYOUT = 'L';

    /**
     * A batch: the number of runs; of each run the kind's code, the first ordinal and the count;
     * then of each run with data its hashes and its bytes.
     */
    static final int BATCH = 'B';

    /**
     * The ending: the length and the JSON of what is missing, and the root hash. Answered with the
     * place.
     */
    static final int ENDING = 'E';

    /**
     * The gate is to be closed. Answered with a byte when it is: 1, or 0 if it could not be in
     * time.
     */
    static final int CLOSE_GATE = 'G';

    /** The gate is to be opened. */
    static final int OPEN_GATE = 'O';

    /** The snapshot is over: length and JSON of its report. */
    static final int REPORT = 'R';

    /** The snapshot came to nothing: why. */
    static final int FAILED = 'F';

    private PageStream() {}

    /** What is missing, as JSON wants it. */
    record Listed(List<Missing> missing) {}

    static void putJson(DataOutputStream out, int part, Object value) throws IOException {
        byte[] json = Json.MAPPER.writeValueAsBytes(value);
        out.writeByte(part);
        out.writeInt(json.length);
        out.write(json);
    }

    static <T> T json(DataInputStream in, Class<T> type) throws IOException {
        return Json.MAPPER.readValue(in.readNBytes(in.readInt()), type);
    }
}
