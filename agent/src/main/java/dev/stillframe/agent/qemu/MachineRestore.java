package dev.stillframe.agent.qemu;

import com.fasterxml.jackson.databind.JsonNode;

import dev.stillframe.engine.image.ImageFormatException;
import dev.stillframe.engine.image.ImageReader;
import dev.stillframe.engine.page.Machine;

import org.jspecify.annotations.Nullable;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * A machine of QEMU made to run again from an image. QEMU maps its memory from the image's file of pages, so nothing is
 * read before the guest touches it: the time until it runs does not depend on how much there is.
 */
public final class MachineRestore {
    private static final Duration START_PATIENCE = Duration.ofSeconds(60);
    private static final Duration END_PATIENCE = Duration.ofSeconds(1);
    private static final long POLL_MILLIS = 2;
    private static final int STREAM_BUFFER_BYTES = 1 << 20;

    /** The descriptor under which QEMU finds the stream; the first three are the user's. */
    private static final String STREAM_DESCRIPTOR = "9";

    private final Path image;
    private final Options options;

    /**
     * What the user wants.
     *
     * @param words QEMU's arguments, after its program if the first word is none; empty for the command line that the
     *     machine was started with
     * @param ram a file to make, with a copy of the memory that the guest then writes to; null to map the image itself,
     *     which stays as it is whatever the guest writes
     * @param paused whether it is left standing although it ran
     */
    public record Options(List<String> words, @Nullable Path ram, boolean paused) {
        /** The command line of then, running, from the image itself. */
        public static final Options DEFAULT = new Options(List.of(), null, false);

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
     * @throws IOException if the image is not of a machine, not complete, or QEMU does not take it; no QEMU is left
     */
    public Restored run() throws IOException {
        try (ImageReader reader = ImageReader.open(image)) {
            Machine machine = machine(reader);
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
                                .with("-incoming", "fd:" + STREAM_DESCRIPTOR)
                                .with("-S")
                                .with("-qmp", "unix:" + socket + ",server=on,wait=off");
                return start(arguments, stream, socket, machine);
            } finally {
                Files.deleteIfExists(socket);
                Files.deleteIfExists(stream);
                Files.deleteIfExists(directory);
            }
        }
    }

    /** What would be run, in a shell's words: the state of the devices would be in {@code stream}. */
    public String line(Path stream) throws IOException {
        try (ImageReader reader = ImageReader.open(image)) {
            return arguments(reader, machine(reader)).with("-incoming", "exec:cat " + stream).line();
        }
    }

    /** Writes the stream for {@link #line} to a new file. */
    public void writeStream(Path stream) throws IOException {
        try (ImageReader reader = ImageReader.open(image)) {
            writeStream(reader, machine(reader), stream);
        }
    }

    private Machine machine(ImageReader reader) throws ImageFormatException {
        Machine machine = reader.layout().machine();
        if (machine == null) {
            throw new ImageFormatException(
                    "%s is of a process, not of a virtual machine: it can be exported for a debugger, not run".formatted(image));
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
    private QemuArguments.Backing mapped(ImageReader reader, Machine machine) throws IOException {
        for (Machine.Block block : machine.blocks()) {
            ImageReader.Place place = reader.place(block.range());
            if (block.backend() && place != null && place.offsetBytes() == 0) {
                return options.ram() == null
                        ? new QemuArguments.Backing(block, place.file(), false)
                        : new QemuArguments.Backing(block, options.ram().toAbsolutePath(), true);
            }
        }
        throw new ImageFormatException("%s has no memory that QEMU could map".formatted(image));
    }

    private void writeStream(ImageReader reader, Machine machine, Path stream) throws IOException {
        Machine.Block mapped = mapped(reader, machine).block();
        List<Machine.Block> sent = machine.blocks().stream().filter(b -> !b.equals(mapped)).toList();
        boolean done = false;
        try (OutputStream out = new BufferedOutputStream(create(stream), STREAM_BUFFER_BYTES)) {
            MigrationStream.write(reader, machine, sent, out);
            done = true;
        } finally {
            if (!done) {
                Files.deleteIfExists(stream);
            }
        }
    }

    /** Readable by its owner only: keys may be in the state of devices. */
    private static OutputStream create(Path stream) throws IOException {
        Files.createFile(stream, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
        return Files.newOutputStream(stream);
    }

    private QemuArguments arguments(ImageReader reader, Machine machine) throws IOException {
        List<String> words = new ArrayList<>(options.words());
        if (words.isEmpty()) {
            words.addAll(reader.layout().source().arguments());
        } else if (words.getFirst().startsWith("-")) {
            words.addFirst(reader.layout().source().executable());
        }
        // It goes on without us anyway; in the background, we would not hear of its end.
        return new QemuArguments(words).without("incoming").withoutFlag("daemonize").mapping(mapped(reader, machine));
    }

    private Restored start(QemuArguments arguments, Path stream, Path socket, Machine machine) throws IOException {
        List<String> command = new ArrayList<>();
        command.addAll(
                List.of("/bin/sh", "-c", "exec " + STREAM_DESCRIPTOR + "<\"$0\"; exec \"$@\"", stream.toString()));
        command.addAll(arguments.words());
        long begin = System.nanoTime();
        Process process = new ProcessBuilder(command).inheritIO().start();
        boolean done = false;
        try {
            Qmp.prepare(); // while QEMU starts
            awaitSocket(process, socket, begin);
            try (Qmp qmp = Qmp.connect(socket, START_PATIENCE)) {
                long started = System.nanoTime();
                awaitLoaded(qmp, begin);
                long loaded = System.nanoTime();
                boolean running = machine.running() && !options.paused();
                if (running) {
                    qmp.execute("cont");
                }
                done = true;
                return new Restored(
                        process, running, started - begin, loaded - started, System.nanoTime() - begin);
            }
        } catch (IOException e) {
            throw ended(process, e);
        } finally {
            if (!done) {
                process.destroyForcibly();
            }
        }
    }

    /** The reason, if it is that QEMU ended: its own message says more than the end of the connection. */
    private static IOException ended(Process process, IOException seen) {
        try {
            if (process.waitFor(END_PATIENCE.toMillis(), TimeUnit.MILLISECONDS)) {
                return new IOException(
                        "QEMU ended with exit code %d before the machine ran; its own message is above"
                                .formatted(process.exitValue()),
                        seen);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        return seen;
    }

    private void awaitSocket(Process process, Path socket, long begin) throws IOException {
        while (!Files.exists(socket)) {
            pause(process, begin);
        }
    }

    /** Reading the stream ends with the machine paused, or QEMU gives up and says why on standard error. */
    private void awaitLoaded(Qmp qmp, long begin) throws IOException {
        while (true) {
            JsonNode status = qmp.execute("query-status");
            if (!status.path("status").asText().equals("inmigrate")) {
                return;
            }
            pause(null, begin);
        }
    }

    private void pause(@Nullable Process process, long begin) throws IOException {
        if (process != null && !process.isAlive()) {
            throw new IOException("QEMU ended before it answered");
        }
        if (System.nanoTime() - begin > START_PATIENCE.toNanos()) {
            throw new IOException("QEMU did not run within %d s".formatted(START_PATIENCE.toSeconds()));
        }
        try {
            TimeUnit.MILLISECONDS.sleep(POLL_MILLIS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw (IOException) new InterruptedIOException("interrupted while QEMU starts").initCause(e);
        }
    }
}
