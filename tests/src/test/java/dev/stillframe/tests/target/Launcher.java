package dev.stillframe.tests.target;

import com.fasterxml.jackson.databind.JsonNode;
import dev.stillframe.engine.document.Json;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The program as a user starts it. */
public final class Launcher {
    /** Of this source tree; it builds the program first if that is older than its sources. */
    public static final Path PATH =
            Path.of(System.getProperty("basedir", "tests"))
                    .toAbsolutePath()
                    .resolveSibling("agent/bin/stillframe");

    private Launcher() {}

    /** Has everything built and learnt, so that this counts for nothing that comes. */
    public static void prepare() throws IOException, InterruptedException {
        Tool.run(List.of(PATH.toString(), "--version"));
    }

    /**
     * Takes a snapshot of process {@code pid} and returns what is said of it.
     *
     * @param more options
     * @throws IOException if it fails or is incomplete
     */
    public static JsonNode snapshot(int pid, Path image, String... more)
            throws IOException, InterruptedException {
        List<String> command =
                new ArrayList<>(
                        List.of(
                                PATH.toString(),
                                "snapshot",
                                "--json",
                                "--pid",
                                Integer.toString(pid),
                                "--out",
                                image.toString()));
        command.addAll(List.of(more));
        String printed = Tool.run(command);
        return Json.MAPPER.readTree(printed.substring(printed.indexOf('{')));
    }
}
