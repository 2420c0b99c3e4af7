package dev.stillframe.agent.qemu;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A file that a disk of a machine goes on in, so that the file below stays as it is. Immutable.
 *
 * @param device what QEMU calls the disk's uppermost layer once the overlay is there
 * @param below what it calls the layer that was the uppermost before
 * @param file the overlay's, as QEMU sees it; nothing else is called so
 */
record Overlay(String device, String below, String file) {
    private static final Duration PATIENCE = Duration.ofMinutes(10);
    private static final long POLL_MILLIS = 20;

    /**
     * Has the disk go on in the file below: what the guest wrote meanwhile is written there, while
     * the guest runs, and the overlay's file is removed. Nothing is done for an overlay that never
     * came to be but to remove its file. Source: QEMU, docs/interop/live-block-operations, {@code
     * block-commit} of the active layer.
     *
     * @param pid QEMU's process, which may see other files than we do
     * @throws IOException if that does not come about: the disk goes on in the overlay, and nothing
     *     is lost
     */
    void takeBack(Qmp qmp, int pid) throws IOException {
        if (isUppermost(qmp)) {
            String job = "stillframe-" + Integer.toHexString(file.hashCode());
            qmp.execute(
                    "block-commit", Map.of("job-id", job, "device", device, "base-node", below));
            await(qmp, job);
            if (isUppermost(qmp)) {
                throw new IOException("QEMU gave up writing it to the file below");
            }
        }
        if (isUsed(qmp)) {
            throw new IOException("QEMU still uses it below another one");
        }
        // Its name holds a number that nobody could guess, so wherever links lead, it is this file
        // or none.
        Files.deleteIfExists(Path.of("/proc/" + pid + "/root" + file));
    }

    /** Whether the disk goes on in it. */
    private boolean isUppermost(Qmp qmp) throws IOException {
        for (JsonNode disk : qmp.execute("query-block")) {
            if (disk.path("inserted").path("file").asText().equals(file)) {
                return true;
            }
        }
        return false;
    }

    private boolean isUsed(Qmp qmp) throws IOException {
        for (JsonNode node : qmp.execute("query-named-block-nodes")) {
            if (node.path("file").asText().equals(file)) {
                return true;
            }
        }
        return false;
    }

    /**
     * Until all is below and the disk goes on there. What the guest writes goes to both while that
     * is being done.
     */
    private static void await(Qmp qmp, String job) throws IOException {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        boolean completing = false;
        for (JsonNode state = job(qmp, job); state != null; state = job(qmp, job)) {
            if (!completing && state.path("ready").asBoolean()) {
                qmp.execute("block-job-complete", Map.of("device", job));
                completing = true;
            } else if (System.nanoTime() > deadline) {
                qmp.execute("block-job-cancel", Map.of("device", job));
                throw new IOException(
                        "writing it to the file below took more than %d minutes"
                                .formatted(PATIENCE.toMinutes()));
            }
            try {
                TimeUnit.MILLISECONDS.sleep(POLL_MILLIS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw (IOException)
                        new InterruptedIOException(
                                        "interrupted while it was written to the file below")
                                .initCause(e);
            }
        }
    }

    private static @Nullable JsonNode job(Qmp qmp, String name) throws IOException {
        for (JsonNode job : qmp.execute("query-block-jobs")) {
            if (job.path("device").asText().equals(name)) {
                return job;
            }
        }
        return null;
    }
}
