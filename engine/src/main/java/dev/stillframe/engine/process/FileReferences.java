package dev.stillframe.engine.process;

import dev.stillframe.engine.memory.FileReference;
import java.io.IOException;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The files behind a target's mappings, each looked at once. They are opened through {@code
 * /proc/PID/map_files}, which leads to the mapped file itself, whatever its name now means. Owned
 * by one thread.
 */
final class FileReferences {
    private static final int HEADER_BYTES = 64;
    private static final int SEGMENT_BYTES = 56;
    private static final int MAX_SEGMENTS = 64;
    private static final int MAX_NOTE_BYTES = 1 << 16;
    private static final int PT_NOTE = 4;
    private static final int NT_GNU_BUILD_ID = 3;

    private final int pid;
    private final Map<String, FileReference> known = new HashMap<>();

    FileReferences(int pid) {
        this.pid = pid;
    }

    /** The file of a mapping that has one. */
    FileReference of(Mapping mapping) {
        return known.computeIfAbsent(
                mapping.device() + ":" + mapping.inode(), key -> look(mapping));
    }

    private FileReference look(Mapping mapping) {
        Path path = Path.of("/proc/" + pid + "/map_files/" + mapping.range());
        try {
            BasicFileAttributes attributes = Files.readAttributes(path, BasicFileAttributes.class);
            return new FileReference(
                    mapping.name(),
                    mapping.inode(),
                    attributes.size(),
                    attributes.lastModifiedTime().to(TimeUnit.NANOSECONDS),
                    attributes.isRegularFile() ? buildId(path) : null);
        } catch (IOException e) { // unmapped since: what is known is what the mapping says
            return new FileReference(mapping.name(), mapping.inode(), -1, -1, null);
        }
    }

    /**
     * The GNU build id of an ELF file; null for other files and for those without one. Source:
     * elf(5).
     */
    static @Nullable String buildId(Path path) throws IOException {
        try (FileChannel file = FileChannel.open(path, StandardOpenOption.READ)) {
            ByteBuffer header = read(file, 0, HEADER_BYTES);
            boolean elf64 =
                    header.remaining() == HEADER_BYTES
                            && header.getInt(0) == 0x464c457f
                            && header.get(4) == 2;
            if (!elf64) {
                return null;
            }
            int count = Math.min(MAX_SEGMENTS, header.getShort(56) & 0xffff);
            ByteBuffer segments = read(file, header.getLong(32), count * SEGMENT_BYTES);
            for (int at = 0; at + SEGMENT_BYTES <= segments.limit(); at += SEGMENT_BYTES) {
                if (segments.getInt(at) == PT_NOTE) {
                    long size = Math.clamp(segments.getLong(at + 32), 0, MAX_NOTE_BYTES);
                    String id = buildId(read(file, segments.getLong(at + 8), (int) size));
                    if (id != null) {
                        return id;
                    }
                }
            }
            return null;
        }
    }

    private static @Nullable String buildId(ByteBuffer notes) {
        try {
            while (notes.remaining() >= 12) {
                int nameBytes = notes.getInt();
                int valueBytes = notes.getInt();
                int type = notes.getInt();
                byte[] name = new byte[Math.clamp(nameBytes, 0, notes.remaining())];
                notes.get(name).position(notes.position() + (-nameBytes & 3));
                byte[] value = new byte[Math.clamp(valueBytes, 0, notes.remaining())];
                notes.get(value).position(notes.position() + (-valueBytes & 3));
                if (type == NT_GNU_BUILD_ID
                        && new String(name, java.nio.charset.StandardCharsets.US_ASCII)
                                .equals("GNU\0")) {
                    return HexFormat.of().formatHex(value);
                }
            }
            return null;
        } catch (BufferUnderflowException | IllegalArgumentException e) {
            return null; // a damaged note: the file is known by its other marks
        }
    }

    private static ByteBuffer read(FileChannel file, long position, int bytes) throws IOException {
        ByteBuffer buffer = ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
        int got = position < 0 ? -1 : 0;
        while (got >= 0 && buffer.hasRemaining()) {
            got = file.read(buffer, position + buffer.position());
        }
        return buffer.flip();
    }
}
