package dev.stillframe.agent.qemu;

import dev.stillframe.engine.image.ImageFormatException;
import dev.stillframe.engine.image.ImageReader;
import dev.stillframe.engine.instant.Layout;
import dev.stillframe.engine.instant.MachineState;
import dev.stillframe.engine.instant.Source;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A machine of QEMU made to run again from an image. QEMU maps its memory from the image's file of
 * pages, so nothing is read before the guest touches it: the time until it runs does not depend on
 * how much there is.
 */
public final class MachineRestore {
    private static final int STREAM_BUFFER_BYTES = 1 << 20;

    private final Path image;
    private final Options options;

    /**
     * What the user wants.
     *
     * @param words QEMU's arguments, after its program if the first word is no option; empty for
     *     what {@link StoredCommand} takes of the command line that the machine was started with
     * @param program what to run if {@code words} do not say it; null for the QEMU on this host
     *     that has the name of the image's
     * @param ram a file to make, with a copy of the memory that the guest then writes to; null to
     *     map the image itself, which stays as it is whatever the guest writes
     * @param paused whether it is left standing although it ran
     * @param aside whether what QEMU prints goes to standard error, because standard output is for
     *     facts
     */
    public record Options(
            List<String> words,
            @Nullable Path program,
            @Nullable Path ram,
            boolean paused,
            boolean aside) {
        /** The command line of then, running, from the image itself. */
        public static final Options DEFAULT = new Options(List.of(), null, null, false, false);

        /** Copies the list. */
        public Options {
            words = List.copyOf(words);
        }
    }

    /**
     * A machine that was made to run. Immutable.
     *
     * @param process QEMU's, which outlives this one
     * @param running whether the guest runs
     * @param startNanos from the start of QEMU until it answered
     * @param loadNanos until it had read the state of the devices
     * @param totalNanos from the start of QEMU until the guest ran
     */
    public record Restored(
            Process process, boolean running, long startNanos, long loadNanos, long totalNanos) {}

    /** Of {@code image}; nothing is read yet. */
    public MachineRestore(Path image, Options options) {
        this.image = image.toAbsolutePath();
        this.options = options;
    }

    /**
     * Starts QEMU, which outlives this process.
     *
     * @throws IOException if the image is not of a machine, not complete, or QEMU does not take it;
     *     no QEMU is left
     */
    public Restored run() throws IOException {
        try (ImageReader reader = ImageReader.open(image)) {
            MachineState machine = machine(reader);
            Path directory = Files.createTempDirectory("stillframe-");
            Path socket = directory.resolve("qmp");
            Path stream = directory.resolve("incoming");
            try {
                if (options.ram() != null) {
                    RamCopy.write(reader, mapped(reader, machine).block(), options.ram());
                }
                writeStream(reader, machine, stream);
                QemuArguments arguments =
                        arguments(reader, machine)
                                .with("-incoming", IncomingQemu.STREAM)
                                .with("-S")
                                .with("-qmp", IncomingQemu.listening(socket));
                return start(arguments, stream, socket, machine);
            } finally {
                Files.deleteIfExists(socket);
                Files.deleteIfExists(stream);
                Files.deleteIfExists(directory);
            }
        }
    }

    /** What an image is of. */
    public static Layout layout(Path image) throws IOException {
        try (ImageReader reader = ImageReader.open(image)) {
            return reader.layout();
        }
    }

    /**
     * What would be run, in a shell's words: the state of the devices would be in {@code stream}.
     */
    public String line(Path stream) throws IOException {
        try (ImageReader reader = ImageReader.open(image)) {
            return arguments(reader, machine(reader))
                    .with("-incoming", "exec:cat " + stream)
                    .line();
        }
    }

    /** Writes the stream for {@link #line} to a new file. */
    public void writeStream(Path stream) throws IOException {
        try (ImageReader reader = ImageReader.open(image)) {
            writeStream(reader, machine(reader), stream);
        }
    }

    private MachineState machine(ImageReader reader) throws ImageFormatException {
        MachineState machine = reader.layout().machine();
        if (machine == null) {
            throw new ImageFormatException(
                    "%s is of a process, not of a virtual machine: it can be exported for a debugger, not run"
                            .formatted(image));
        }
        if (reader.sharesPages()) {
            throw new ImageFormatException(
                    "%s shares pages with a parent, and QEMU can map only one file; merge it first (stillframe merge --out WHOLE %s)"
                            .formatted(image, image));
        }
        if (!reader.missing().isEmpty()) {
            throw new ImageFormatException(
                    "%s is not complete (%s), so the machine would not be what it was; take another snapshot"
                            .formatted(image, reader.missing().getFirst().reason()));
        }
        return machine;
    }

    /** The block that is mapped: the one that begins where the file of pages does. */
    private QemuArguments.Backing mapped(ImageReader reader, MachineState machine)
            throws IOException {
        for (MachineState.Block block : machine.blocks()) {
            ImageReader.Place place = reader.place(block.range());
            if (block.backend() && place != null && place.offsetBytes() == 0) {
                return options.ram() == null
                        ? new QemuArguments.Backing(block, place.file(), false)
                        : new QemuArguments.Backing(block, options.ram().toAbsolutePath(), true);
            }
        }
        throw new ImageFormatException("%s has no memory that QEMU could map".formatted(image));
    }

    private void writeStream(ImageReader reader, MachineState machine, Path stream)
            throws IOException {
        writeStream(MemoryContents.of(reader), machine, mapped(reader, machine).block(), stream);
    }

    /** With the memory of all blocks but {@code mapped}, to a new file. */
    static void writeStream(
            MemoryContents contents, MachineState machine, MachineState.Block mapped, Path stream)
            throws IOException {
        List<MachineState.Block> sent =
                machine.blocks().stream().filter(b -> !b.equals(mapped)).toList();
        boolean done = false;
        try (OutputStream out = new BufferedOutputStream(create(stream), STREAM_BUFFER_BYTES)) {
            MigrationStream.write(contents, machine, sent, out);
            done = true;
        } finally {
            if (!done) {
                Files.deleteIfExists(stream);
            }
        }
    }

    /** Readable by its owner only: keys may be in the state of devices. */
    private static OutputStream create(Path stream) throws IOException {
        return Channels.newOutputStream(
                Files.newByteChannel(
                        stream,
                        Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE),
                        PosixFilePermissions.asFileAttribute(
                                PosixFilePermissions.fromString("rw-------"))));
    }

    private QemuArguments arguments(ImageReader reader, MachineState machine) throws IOException {
        return arguments(options, reader.layout().source()).mapping(mapped(reader, machine));
    }

    /** What the user typed, or what is taken of the command line of then. */
    static QemuArguments arguments(Options options, Source source) throws ImageFormatException {
        List<String> words = new ArrayList<>(options.words());
        if (words.isEmpty()) {
            words.addAll(StoredCommand.of(source, options.program()).words());
        } else if (words.getFirst().startsWith("-")) {
            words.addFirst(
                    options.program() == null
                            ? QemuProgram.find(source)
                            : options.program().toString());
        }
        // It goes on without us anyway; in the background, we would not hear of its end.
        return new QemuArguments(words).without("incoming").withoutFlag("daemonize");
    }

    private Restored start(QemuArguments arguments, Path stream, Path socket, MachineState machine)
            throws IOException {
        IncomingQemu qemu =
                IncomingQemu.start(
                        arguments, stream, socket, new IncomingQemu.Place(false, options.aside()));
        boolean done = false;
        try (Qmp qmp = qemu.connect()) {
            long started = qemu.nanos();
            qemu.awaitLoaded(qmp);
            long loaded = qemu.nanos();
            boolean running = machine.running() && !options.paused();
            if (running) {
                qmp.execute("cont");
            }
            done = true;
            return new Restored(qemu.process(), running, started, loaded - started, qemu.nanos());
        } catch (IOException e) {
            throw qemu.ended(e);
        } finally {
            if (!done) {
                qemu.kill();
            }
        }
    }
}
