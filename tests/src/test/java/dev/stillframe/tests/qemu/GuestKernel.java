package dev.stillframe.tests.qemu;

import dev.stillframe.tests.image.DirectoryTree;
import dev.stillframe.tests.target.NativeProgram;
import dev.stillframe.tests.target.Tool;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The kernel of guests: the one of Debian's {@code linux-image-cloud-amd64}, fetched and unpacked
 * once, never installed. Thread-safe.
 */
final class GuestKernel {
    private static final String META_PACKAGE = "linux-image-cloud-amd64";
    private static final Pattern DEPENDENCY =
            Pattern.compile("(?m)^\\s*Depends: (linux-image-\\S+)\\s*$");
    private static final Path UNPACKED = NativeProgram.scratch().resolveSibling("guest");

    private GuestKernel() {}

    /**
     * The kernel's file; under {@code target}, kept for later runs.
     *
     * @throws IOException if the package cannot be fetched or unpacked, or holds no kernel
     */
    static synchronized Path path() throws IOException, InterruptedException {
        if (!Files.exists(UNPACKED)) {
            Path unfinished =
                    Files.createTempDirectory(UNPACKED.toAbsolutePath().getParent(), "guest-");
            try {
                Path kernel = unpacked(fetch(unfinished), unfinished.resolve("package"));
                Path ready = Files.createDirectory(unfinished.resolve("ready"));
                Files.move(kernel, ready.resolve(kernel.getFileName()));
                Files.move(ready, UNPACKED, StandardCopyOption.ATOMIC_MOVE);
            } finally {
                DirectoryTree.delete(unfinished);
            }
        }
        return kernelIn(UNPACKED);
    }

    private static Path fetch(Path directory) throws IOException, InterruptedException {
        try {
            download(dependency(), directory);
        } catch (IOException e) {
            throw new IOException(
                    "cannot fetch the guests' kernel (package %s); try apt-get update"
                            .formatted(META_PACKAGE),
                    e);
        }
        return only(directory, file -> file.endsWith(".deb"));
    }

    /** The package that holds the kernel: the meta package depends on it. */
    private static String dependency() throws IOException, InterruptedException {
        String dependencies = Tool.run(List.of("apt-cache", "depends", META_PACKAGE));
        Matcher dependency = DEPENDENCY.matcher(dependencies);
        if (!dependency.find()) {
            throw new IOException("it depends on no kernel: " + dependencies);
        }
        return dependency.group(1);
    }

    /** By env, because apt-get downloads to the current directory only. */
    private static void download(String name, Path directory)
            throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of("env", "--chdir=" + directory, "apt-get"));
        command.addAll(List.of("-q", "-o", "APT::Sandbox::User=root", "download", name));
        Tool.run(command);
    }

    private static Path unpacked(Path archive, Path directory)
            throws IOException, InterruptedException {
        Tool.run(List.of("dpkg-deb", "-x", archive.toString(), directory.toString()));
        return kernelIn(directory.resolve("boot"));
    }

    private static Path kernelIn(Path directory) throws IOException {
        return only(directory, file -> file.startsWith("vmlinuz-"));
    }

    private static Path only(Path directory, Predicate<String> name) throws IOException {
        List<Path> found;
        try (Stream<Path> files = Files.list(directory)) {
            found = files.filter(file -> name.test(file.getFileName().toString())).toList();
        }
        if (found.size() != 1) {
            throw new IOException("%s: one file was expected, not %s".formatted(directory, found));
        }
        return found.getFirst();
    }
}
