package dev.stillframe.agent.qemu;

import dev.stillframe.engine.image.ImageFormatException;
import dev.stillframe.engine.instant.Source;
import java.io.File;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Which program runs a machine again. An image may come from anywhere, so that it only says what
 * kind of QEMU it was, never which file to execute. Stateless.
 */
final class QemuProgram {
    private static final Pattern KNOWN = Pattern.compile("qemu-system-[a-z0-9_]+|qemu-kvm|kvm");

    /** Where some distributions keep QEMU, outside of every PATH. */
    private static final List<Path> BESIDE_PATH =
            List.of(Path.of("/usr/bin"), Path.of("/usr/libexec"));

    private QemuProgram() {}

    /**
     * The one on this host by the name of the image's.
     *
     * @throws ImageFormatException if that is none of QEMU's names, or there is none here
     */
    static String find(Source source) throws ImageFormatException {
        String executable = source.executable().replaceFirst(" \\(deleted\\)$", "");
        String name = executable.substring(executable.lastIndexOf('/') + 1);
        if (!KNOWN.matcher(name).matches()) {
            throw new ImageFormatException(
                    "the image is of a program called '%s', which is not taken for QEMU; name the program with --program"
                            .formatted(name));
        }
        for (String place : System.getenv().getOrDefault("PATH", "").split(File.pathSeparator)) {
            Path program = program(place, name);
            if (program != null) {
                return program.toString();
            }
        }
        return BESIDE_PATH.stream()
                .map(place -> place.resolve(name))
                .filter(Files::isExecutable)
                .map(Path::toString)
                .findFirst()
                .orElseThrow(
                        () ->
                                new ImageFormatException(
                                        "%s is not in PATH; install it, or name the program with --program"
                                                .formatted(name)));
    }

    /** Not in a directory that depends on where we are. */
    private static @Nullable Path program(String place, String name) {
        if (!place.startsWith("/")) {
            return null;
        }
        try {
            Path program = Path.of(place).resolve(name);
            return Files.isRegularFile(program) && Files.isExecutable(program) ? program : null;
        } catch (InvalidPathException e) {
            return null; // no directory has such a name
        }
    }
}
