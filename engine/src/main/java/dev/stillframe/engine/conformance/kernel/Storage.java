package dev.stillframe.engine.conformance.kernel;

import dev.stillframe.engine.conformance.Machine.Unsupported;
import dev.stillframe.engine.conformance.Memory;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import java.util.stream.Stream;

/**
 * The files of a machine: a temporary directory that goes with it, and memfds of the first process.
 */
final class Storage implements AutoCloseable {
    private static final int O_RDWR = 2;
    private static final int O_DIRECT = 0x4000;
    private static final int O_CREAT = 0x40;
    private static final int PUNCH_HOLE_KEEP_SIZE = 3;
    private static final String DIRECT = "direct";
    private static final String BUFFERED = "buffered";

    private final Path directory;
    private final Supplier<Actor> keeper;
    private final Map<String, Path> objects = new HashMap<>();

    /** {@code keeper} has the memfds, and outlives all who map them. */
    Storage(Supplier<Actor> keeper) throws IOException {
        this.directory = Files.createTempDirectory("stillframe-conformance");
        this.keeper = keeper;
    }

    /**
     * A descriptor, in the process of {@code actor}, of the file or memfd behind {@code memory}.
     */
    int open(Actor actor, Memory memory) {
        Path path = objects.computeIfAbsent(memory.object(), name -> create(name, memory));
        return open(actor, "object " + memory.object(), path, O_RDWR);
    }

    private Path create(String name, Memory memory) {
        boolean isFile =
                memory.kind() == Memory.Kind.EXT4 || memory.kind() == Memory.Kind.PRIVATE_EXT4;
        try {
            Path path = isFile ? onExt4(name) : memfd(name);
            setLength(path, memory.bytes());
            return path;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private Path onExt4(String name) throws IOException {
        String type = Files.getFileStore(directory).type();
        if (!type.equals("ext4")) {
            throw new Unsupported("needs ext4: %s is on %s".formatted(directory.getParent(), type));
        }
        return Files.createFile(directory.resolve(name));
    }

    private Path memfd(String name) {
        Actor first = keeper.get();
        long at =
                first.structure(
                        Arrays.copyOf(name.getBytes(StandardCharsets.US_ASCII), name.length() + 1));
        long fd = first.call(Call.MEMFD_CREATE, at, 1);
        return Path.of("/proc/" + first.process().pid() + "/fd/" + fd);
    }

    /** A descriptor with O_DIRECT of the machine's scratch file. */
    int direct(Actor actor) {
        return open(actor, DIRECT, directory.resolve(DIRECT), O_RDWR | O_DIRECT | O_CREAT);
    }

    /** A descriptor of the same file through the page cache. */
    int buffered(Actor actor) {
        return open(actor, BUFFERED, directory.resolve(DIRECT), O_RDWR | O_CREAT);
    }

    void writeDirect(byte[] bytes) {
        try {
            writeAll(directory.resolve(DIRECT), 0, bytes);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    byte[] readDirect(int bytes) {
        return read(directory.resolve(DIRECT), bytes);
    }

    private static byte[] read(Path path, int bytes) {
        ByteBuffer buffer = ByteBuffer.allocate(bytes);
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            int read = 0;
            while (read >= 0 && buffer.hasRemaining()) {
                read = channel.read(buffer);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return buffer.array();
    }

    /** pwrite(2) to an object. */
    void write(String object, long offset, byte[] bytes) {
        try {
            writeAll(path(object), offset, bytes);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    long punchHole(String object, long offset, long bytes) {
        Actor first = keeper.get();
        int fd = open(first, "object " + object, path(object), O_RDWR);
        return first.call(Call.FALLOCATE, fd, PUNCH_HOLE_KEEP_SIZE, offset, bytes);
    }

    /** ftruncate(2) of an object. */
    void truncate(String object, long bytes) {
        try {
            setLength(path(object), bytes);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void setLength(Path path, long bytes) throws IOException {
        try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
            file.setLength(bytes);
        }
    }

    private Path path(String object) {
        Path path = objects.get(object);
        if (path == null) {
            throw new IllegalArgumentException("no object " + object);
        }
        return path;
    }

    private static void writeAll(Path path, long offset, byte[] bytes) throws IOException {
        ByteBuffer buffer = ByteBuffer.wrap(bytes);
        try (FileChannel channel =
                FileChannel.open(path, StandardOpenOption.WRITE, StandardOpenOption.CREATE)) {
            while (buffer.hasRemaining()) {
                channel.write(buffer, offset + buffer.position());
            }
        }
    }

    /**
     * A descriptor of a process' page map; {@code generation} counts the programs that it has run.
     */
    int pagemap(Actor actor, int pid, int generation) {
        return open(
                actor,
                "pagemap " + pid + " " + generation,
                Path.of("/proc/" + pid + "/pagemap"),
                0);
    }

    private static int open(Actor actor, String key, Path path, int flags) {
        Integer known = actor.process().descriptors().get(key);
        if (known != null) {
            return known;
        }
        byte[] name = path.toString().getBytes(StandardCharsets.UTF_8);
        long at = actor.structure(Arrays.copyOf(name, name.length + 1));
        long fd = actor.call(Call.OPEN, at, flags, 0600);
        if (fd < 0) {
            throw new Unsupported(
                    (flags & O_DIRECT) != 0
                            ? "needs direct I/O: %s has none".formatted(path.getParent())
                            : "cannot open %s: errno %d".formatted(path, -fd));
        }
        actor.process().descriptors().put(key, (int) fd);
        return (int) fd;
    }

    @Override
    public void close() {
        try (Stream<Path> files = Files.list(directory)) {
            List<Path> all = files.toList();
            for (Path file : all) {
                Files.delete(file);
            }
            Files.delete(directory);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
