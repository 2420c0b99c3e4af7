package dev.stillframe.tests.qemu;

import dev.stillframe.tests.image.DirectoryTree;
import dev.stillframe.tests.target.NativeProgram;
import dev.stillframe.tests.target.Tool;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
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
                Path kernel = unpacked(fetched(unfinished), unfinished.resolve("package"));
                Path ready = Files.createDirectory(unfinished.resolve("ready"));
                Files.move(kernel, ready.resolve(kernel.getFileName()));
                Files.move(ready, UNPACKED, StandardCopyOption.ATOMIC_MOVE);
            } finally {
                DirectoryTree.delete(unfinished);
            }
        }
        return kernelIn(UNPACKED);
    }

    /** Downloads the package that the meta package depends on. */
    private static Path fetched(Path directory) throws IOException, InterruptedException {
        String dependencies = Tool.run(List.of("apt-cache", "depends", META_PACKAGE));
        Matcher dependency = DEPENDENCY.matcher(dependencies);
        if (!dependency.find()) {
            throw new IOException(
                    "%s depends on no kernel; is the list of packages there (apt-get update)?%n%s"
                            .formatted(META_PACKAGE, dependencies));
        }
        // apt-get downloads to the current directory only.
        Tool.run(
                List.of(
                        "env",
                        "--chdir=" + directory,
                        "apt-get",
                        "-q",
                        "-o",
                        "APT::Sandbox::User=root",
                        "download",
                        dependency.group(1)));
        return only(directory, ".deb");
    }

    private static Path unpacked(Path archive, Path directory)
            throws IOException, InterruptedException {
        Tool.run(List.of("dpkg-deb", "-x", archive.toString(), directory.toString()));
        return kernelIn(directory.resolve("boot"));
    }

    private static Path kernelIn(Path directory) throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            return files.filter(file -> file.getFileName().toString().startsWith("vmlinuz-"))
                    .findFirst()
                    .orElseThrow(() -> new IOException("no vmlinuz-* in " + directory));
        }
    }

    private static Path only(Path directory, String ending) throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            return files.filter(file -> file.getFileName().toString().endsWith(ending))
                    .findFirst()
                    .orElseThrow(() -> new IOException("no *%s in %s".formatted(ending, directory)));
        }
    }
}
