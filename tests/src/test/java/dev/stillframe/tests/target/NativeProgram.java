package dev.stillframe.tests.target;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * Compiles the programs in {@code tests/src/test/c}, once for each change of the sources.
 * Thread-safe.
 */
public final class NativeProgram {
    private static final Path MODULE =
            Path.of(System.getProperty("basedir", "tests")).toAbsolutePath();
    private static final Path SOURCES = MODULE.resolve("src/test/c");
    private static final Path BINARIES = MODULE.resolve("target/c");
    private static final long COMPILE_SECONDS = 60;

    private NativeProgram() {}

    /** A directory for what tests write; it is under {@code target}. */
    public static Path scratch() {
        try {
            return Files.createDirectories(MODULE.resolve("target/scratch"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * The executable of {@code NAME.c}.
     *
     * @throws IOException if it cannot be compiled; gcc's words are in the message
     */
    public static synchronized Path of(String name) throws IOException, InterruptedException {
        return compiled(name, name, List.of());
    }

    /**
     * The same without shared libraries, for systems that have none: the guests of tests.
     *
     * @throws IOException if it cannot be compiled; gcc's words are in the message
     */
    public static synchronized Path ofStatic(String name) throws IOException, InterruptedException {
        return compiled(name, name + "-static", List.of("-static"));
    }

    /**
     * {@code NAME.c} as a shared library, with that macro.
     *
     * @throws IOException if it cannot be compiled; gcc's words are in the message
     */
    public static synchronized Path ofLibrary(String name, String macro)
            throws IOException, InterruptedException {
        return compiled(
                name, "%s-%s.so".formatted(name, macro), List.of("-shared", "-fPIC", "-D" + macro));
    }

    private static Path compiled(String name, String executable, List<String> flags)
            throws IOException, InterruptedException {
        Path source = SOURCES.resolve(name + ".c");
        Path binary = Files.createDirectories(BINARIES).resolve(executable);
        if (!isFresh(binary)) {
            compile(source, binary, flags);
        }
        return binary;
    }

    private static boolean isFresh(Path binary) throws IOException {
        if (!Files.exists(binary)) {
            return false;
        }
        long made = Files.getLastModifiedTime(binary).toMillis();
        try (Stream<Path> sources = Files.list(SOURCES)) {
            return sources.allMatch(source -> source.toFile().lastModified() < made);
        }
    }

    private static void compile(Path source, Path binary, List<String> flags)
            throws IOException, InterruptedException {
        Path log = binary.resolveSibling(binary.getFileName() + ".log");
        List<String> command =
                new ArrayList<>(
                        List.of(
                                "gcc",
                                "-O1",
                                "-g",
                                "-fno-omit-frame-pointer",
                                "-Wall",
                                "-Wextra",
                                "-Werror",
                                "-pthread"));
        command.addAll(flags);
        command.addAll(List.of("-o", binary.toString(), source.toString()));
        Process gcc =
                new ProcessBuilder(command)
                        .redirectErrorStream(true)
                        .redirectOutput(log.toFile())
                        .start();
        try {
            if (!gcc.waitFor(COMPILE_SECONDS, TimeUnit.SECONDS) || gcc.exitValue() != 0) {
                throw new IOException("gcc " + source + ": " + Files.readString(log));
            }
        } finally {
            gcc.destroyForcibly();
        }
    }
}
