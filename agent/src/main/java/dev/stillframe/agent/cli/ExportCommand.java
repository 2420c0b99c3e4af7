package dev.stillframe.agent.cli;

import dev.stillframe.agent.qemu.MachineRestore;
import dev.stillframe.engine.image.ElfCoreExport;
import dev.stillframe.engine.image.ImageReader;
import dev.stillframe.engine.image.RawExport;
import dev.stillframe.engine.instant.Missing;
import dev.stillframe.engine.memory.AddressRange;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import picocli.CommandLine.TypeConversionException;

/** {@code stillframe export}. */
@Command(
        name = "export",
        description = {
            "Write an image as a core file for a debugger, or a range of its memory byte for byte.",
            "",
            "Zeros stand for what the image lacks; it is listed, and the exit code is then 3. The"
                    + " file is readable by this user only, because memory holds secrets."
        },
        footer = {
            "",
            "Examples:",
            "  stillframe export --format elf-core redis.image redis.core",
            "  gdb /usr/bin/redis-server redis.core",
            "  stillframe export --format raw --range 7f2a40000000-7f2a48000000 redis.image"
                    + " heap.bin"
        })
final class ExportCommand implements Callable<Integer> {
    /** What is written. */
    enum Format {
        /** A range of memory, byte for byte. */
        RAW("raw"),
        /** A core file: all threads, registers, mappings, auxiliary vector. */
        ELF_CORE("elf-core"),
        /** The state of a virtual machine's devices, as QEMU reads it. */
        QEMU_STATE("qemu-state");

        private final String typed;

        Format(String typed) {
            this.typed = typed;
        }

        static Format parse(String typed) {
            return Arrays.stream(values())
                    .filter(format -> format.typed.equals(typed))
                    .findFirst()
                    .orElseThrow(
                            () ->
                                    new TypeConversionException(
                                            "'"
                                                    + typed
                                                    + "' is none of raw, elf-core, qemu-state"));
        }
    }

    @Spec private @Nullable CommandSpec spec;
    @Mixin private Output output = new Output();
    @Mixin private Parents parents = new Parents();

    @Option(
            names = "--format",
            paramLabel = "FORMAT",
            required = true,
            description =
                    "elf-core: a core file that gdb opens. raw: the bytes of --range. qemu-state: what"
                            + " QEMU reads with -incoming beside the memory.")
    private Format format = Format.RAW;

    @Option(
            names = "--range",
            paramLabel = "START-END",
            description = "Addresses in hexadecimal, as show --regions lists them; for raw only.")
    private @Nullable AddressRange range;

    @Option(names = "--force", description = "Replace FILE if it exists.")
    private boolean force;

    @Parameters(index = "0", paramLabel = "IMAGE", description = "The image directory.")
    private Path image = Path.of("");

    @Parameters(index = "1", paramLabel = "FILE", description = "The file to write.")
    private Path file = Path.of("");

    /** What JSON shows. */
    record Facts(
            String image, String file, String format, long fileBytes, List<MissingFact> missing) {}

    @Override
    public Integer call() throws Exception {
        List<Missing> missing;
        try (ImageReader reader = open()) {
            missing = write(reader);
        }
        long bytes = Files.size(file);
        output.facts(
                new Facts(
                        image.toString(),
                        file.toString(),
                        format.typed,
                        bytes,
                        MissingFact.of(missing)),
                new Rows()
                        .add("written", file + ", " + Units.bytes(bytes))
                        .missing(missing)
                        .lines());
        return ExitCode.of(missing);
    }

    private ImageReader open() throws Exception {
        if ((format == Format.RAW) != (range != null)) {
            throw usage(
                    format == Format.RAW
                            ? "--format raw needs --range START-END"
                            : "--range is for --format raw");
        }
        if (!force && Files.exists(file, LinkOption.NOFOLLOW_LINKS)) {
            throw new Failure(
                    file + " exists already: choose another name, or add --force to replace it");
        }
        return ImageReader.open(image, parents.places());
    }

    private List<Missing> write(ImageReader reader) throws Exception {
        return switch (format) {
            case RAW ->
                    RawExport.write(
                            reader,
                            Objects.requireNonNull(range),
                            file,
                            new RawExport.Options(true, force));
            case ELF_CORE -> ElfCoreExport.write(reader, file, force);
            case QEMU_STATE -> {
                if (force) {
                    Files.deleteIfExists(file);
                }
                new MachineRestore(image, MachineRestore.Options.DEFAULT).writeStream(file);
                yield List.of();
            }
        };
    }

    private ParameterException usage(String message) {
        if (spec == null) {
            throw new IllegalStateException(message);
        }
        return new ParameterException(spec.commandLine(), message);
    }
}
