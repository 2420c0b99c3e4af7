package dev.stillframe.tests.network;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * What this process has open and which of our threads live, to be compared with later. Immutable.
 *
 * @param descriptors sockets, events and polls by kind and how many; files are left out, as the JVM
 *     opens some of its own when it likes
 * @param threads names of threads of ours
 */
record Openings(Map<String, Integer> descriptors, List<String> threads) {
    private static final Path DESCRIPTORS = Path.of("/proc/self/fd");

    /** As it is now. */
    static Openings now() throws IOException {
        Map<String, Integer> descriptors = new TreeMap<>();
        for (String target : targets()) {
            int colon = target.indexOf(':');
            if (colon > 0) {
                descriptors.merge(kind(target, colon), 1, Integer::sum);
            }
        }
        List<String> threads =
                Thread.getAllStackTraces().keySet().stream()
                        .map(Thread::getName)
                        .filter(
                                name ->
                                        name.startsWith("stillframe-")
                                                || name.startsWith("hostile-network"))
                        .sorted()
                        .toList();
        return new Openings(descriptors, threads);
    }

    /** Files below {@code directory} that are open. */
    static List<String> below(Path directory) throws IOException {
        return targets().stream()
                .filter(target -> target.startsWith(directory.toAbsolutePath() + "/"))
                .toList();
    }

    /** {@code socket}, {@code pipe}, {@code anon_inode:[eventpoll]}, without numbers. */
    private static String kind(String target, int colon) {
        return target.startsWith("anon_inode") ? target : target.substring(0, colon);
    }

    private static List<String> targets() throws IOException {
        List<String> targets = new ArrayList<>();
        try (DirectoryStream<Path> links = Files.newDirectoryStream(DESCRIPTORS)) {
            for (Path link : links) {
                target(link).ifPresent(targets::add);
            }
        }
        return targets;
    }

    /** Empty if it was closed meanwhile, as that of the listing itself. */
    private static Optional<String> target(Path link) throws IOException {
        try {
            return Optional.of(Files.readSymbolicLink(link).toString());
        } catch (NoSuchFileException e) {
            return Optional.empty();
        }
    }
}
