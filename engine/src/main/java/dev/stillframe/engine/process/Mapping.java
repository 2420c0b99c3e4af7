package dev.stillframe.engine.process;

import dev.stillframe.engine.memory.AddressRange;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * A line of {@code /proc/PID/maps}. Immutable. Source: proc_pid_maps(5), proc_pid_smaps(5).
 *
 * @param range its addresses
 * @param protection four characters, {@code rw-p}
 * @param offset where in its file it begins, in bytes
 * @param device {@code major:minor} in hexadecimal
 * @param inode 0 for memory without a file
 * @param name path or {@code [name]}, empty if there is none
 */
public record Mapping(
        AddressRange range,
        String protection,
        long offset,
        String device,
        long inode,
        String name) {
    private static final int FIRST_READ_BYTES = 1 << 16;

    /** Whether writes go to memory that other processes may see. */
    public boolean isShared() {
        return protection.charAt(3) == 's';
    }

    /** Whether it is shared memory, and not a file on disk. */
    public boolean isSharedMemory() {
        return isShared()
                && (name.startsWith("/memfd:")
                        || name.startsWith("/dev/zero")
                        || name.startsWith("/SYSV")
                        || name.startsWith("/dev/shm/")
                        || name.startsWith("[anon_shmem:"));
    }

    /**
     * Files that are mapped shared and writable, and System V memory, up to this size are small
     * enough to be copied while a process stands.
     */
    public static final long SMALL_BYTES = 1 << 20;

    /** Whether it is a file on disk that is changed by writes here, and not a small one. */
    public boolean isLargeWritableFile() {
        return isShared()
                && !isSharedMemory()
                && isWritable()
                && inode != 0
                && range.sizeBytes() > SMALL_BYTES;
    }

    /** Whether somebody else could change it while we look at it for long. */
    boolean isChangedByOthers() {
        return isSharedMemory() || isLargeWritableFile();
    }

    /** Device and inode of what is mapped: equal for two mappings of the same memory. */
    public String object() {
        return device + ":" + inode;
    }

    /** Whether the process may write there now. */
    public boolean isWritable() {
        return protection.charAt(1) == 'w';
    }

    /** The mappings of a process in user space, by address. */
    public static List<Mapping> of(int pid) throws IOException {
        return read(pid, false);
    }

    /** Those of them that are shared. */
    static List<Mapping> sharedOf(int pid) throws IOException {
        return read(pid, true);
    }

    private static List<Mapping> read(int pid, boolean sharedOnly) throws IOException {
        byte[] text;
        try {
            text = readProc(Path.of("/proc/" + pid + "/maps"));
        } catch (NoSuchFileException e) {
            throw new TargetException("process " + pid + " has ended", e);
        }
        List<Mapping> mappings = new ArrayList<>(sharedOnly ? 0 : text.length / 80 + 1);
        int at = 0;
        while (at < text.length) {
            int end = at;
            while (text[end] != '\n') {
                end++;
            }
            boolean wanted = !sharedOnly || text[find(text, at, ' ') + 4] == 's';
            if (wanted
                    && text[at + 16]
                            != '-') { // 16 digits: [vsyscall], which is in the kernel's half
                mappings.add(parse(text, at, end));
            }
            at = end + 1;
        }
        return mappings;
    }

    /**
     * The {@code VmFlags} of every mapping of a process, by the mapping's start. The kernel walks
     * all page tables for it: not for use while the target is stopped.
     */
    public static Map<Long, Set<String>> flags(int pid) throws IOException {
        Map<Long, Set<String>> flags = new HashMap<>();
        long start = 0;
        for (String line :
                Files.readAllLines(
                        Path.of("/proc/" + pid + "/smaps"), StandardCharsets.ISO_8859_1)) {
            if (line.startsWith("VmFlags:")) {
                flags.put(start, Set.of(line.substring(8).strip().split(" ")));
            } else if (isHeader(line)) {
                start = Long.parseUnsignedLong(line, 0, line.indexOf('-'), 16);
            }
        }
        return flags;
    }

    private static boolean isHeader(String line) {
        char first =
                line.charAt(
                        0); // field names begin with a capital, addresses with a small hexadecimal
        // digit
        return (first >= '0' && first <= '9') || (first >= 'a' && first <= 'f');
    }

    // Parsed by hand: this runs while the target is stopped, for up to tens of thousands of lines.
    private static Mapping parse(byte[] text, int from, int end) {
        int dash = find(text, from, '-');
        int space = find(text, dash, ' ');
        long start = hex(text, from, dash);
        long stop = hex(text, dash + 1, space);
        String protection = string(text, space + 1, space + 5);
        int offsetAt = space + 6;
        int deviceAt = find(text, offsetAt, ' ') + 1;
        int inodeAt = find(text, deviceAt, ' ') + 1;
        int at = inodeAt;
        long inode = 0;
        while (at < end && text[at] != ' ') {
            inode = inode * 10 + text[at++] - '0';
        }
        while (at < end && text[at] == ' ') {
            at++;
        }
        return new Mapping(
                new AddressRange(start, stop),
                protection,
                hex(text, offsetAt, deviceAt - 1),
                string(text, deviceAt, inodeAt - 1),
                inode,
                at < end ? new String(text, at, end - at, StandardCharsets.UTF_8) : "");
    }

    private static int find(byte[] text, int from, char wanted) {
        int at = from;
        while (text[at] != wanted) {
            at++;
        }
        return at;
    }

    private static long hex(byte[] text, int from, int end) {
        long value = 0;
        for (int at = from; at < end; at++) {
            value = value << 4 | Character.digit(text[at], 16);
        }
        return value;
    }

    private static String string(byte[] text, int from, int end) {
        return new String(text, from, end - from, StandardCharsets.ISO_8859_1);
    }

    /** Reads a proc file to its end; such files have no size. */
    private static byte[] readProc(Path path) throws IOException {
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            ByteBuffer buffer = ByteBuffer.allocate(FIRST_READ_BYTES);
            while (channel.read(buffer) > 0) {
                if (buffer.remaining() < FIRST_READ_BYTES / 2) {
                    buffer = ByteBuffer.allocate(buffer.capacity() * 2).put(buffer.flip());
                }
            }
            byte[] text = new byte[buffer.flip().remaining()];
            buffer.get(text);
            return text;
        }
    }
}
