package dev.stillframe.agent.job;

import dev.stillframe.engine.thread.Role;
import dev.stillframe.transport.sender.RateLimit;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.ToLongFunction;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A limit of the rate that stands in a file and is read again every second, so that it can be
 * changed while pages flow. What cannot be read leaves the limit as it is, and is logged once. Has
 * a thread {@code stillframe-rate} until it is closed.
 */
public final class RateFile implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(RateFile.class);
    private static final int LONGEST_TEXT = 64;

    private final Path file;
    private final ToLongFunction<String> parser;
    private final RateLimit limit;
    private final ScheduledExecutorService thread =
            Executors.newSingleThreadScheduledExecutor(Role.RATE::unstarted);
    private String lastText = "";

    /**
     * Reads the file, and goes on reading it.
     *
     * @param parser makes bytes a second of the text; throws IllegalArgumentException with the
     *     reason
     * @param limit what is changed
     * @throws IOException if there is no limit in the file now
     */
    public RateFile(Path file, ToLongFunction<String> parser, RateLimit limit) throws IOException {
        this.file = file;
        this.parser = parser;
        this.limit = limit;
        try {
            read();
        } catch (IllegalArgumentException e) {
            throw new IOException(file + " holds no rate: " + e.getMessage(), e);
        }
        thread.scheduleWithFixedDelay(this::readAgain, 1, 1, TimeUnit.SECONDS);
    }

    private void readAgain() {
        try {
            read();
        } catch (IOException | IllegalArgumentException e) {
            LOG.warn(
                    "the rate stays at {} bytes a second: {}",
                    limit.bytesPerSecond(),
                    e.getMessage());
        } catch (Throwable t) { // nobody else would be told, and the file not looked at again
            LOG.error(
                    "the rate stays at {} bytes a second, because {} could not be read",
                    limit.bytesPerSecond(),
                    file,
                    t);
        }
    }

    private void read() throws IOException {
        if (Files.size(file) > LONGEST_TEXT) {
            throw new IOException(file + " is longer than a rate: write something like 100M");
        }
        String text = Files.readString(file).strip();
        if (!text.equals(lastText)) {
            lastText = text; // also if it is wrong: it is told once
            limit.set(parser.applyAsLong(text));
            LOG.info("the rate is {} bytes a second", limit.bytesPerSecond());
        }
    }

    @Override
    public void close() {
        thread.shutdownNow();
    }
}
