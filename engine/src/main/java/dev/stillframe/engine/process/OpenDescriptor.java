package dev.stillframe.engine.process;

import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * A descriptor by which shared memory can be written without a fault: write(2), ftruncate(2),
 * splice(2) and the like go past every page table. Immutable. Source: proc_pid_fd(5),
 * proc_pid_fdinfo(5).
 *
 * @param object the {@linkplain Mapping#object memory}
 * @param pid whose it is
 * @param program what is running in that process
 * @param number in that process
 */
public record OpenDescriptor(String object, int pid, String program, int number) {
    private static final String DELETED = " (deleted)";
    private static final int ACCESS_MODE = 3;

    @Override
    public String toString() {
        return "descriptor %d of process %d (%s)".formatted(number, pid, program);
    }

    /**
     * Those that are open for writing to shared memory among {@code shown}, in any process but this
     * one. What is not ours to see is passed over; so is what is open for reading only, or for a
     * moment only.
     */
    static List<OpenDescriptor> find(List<Mapping> shown) throws IOException {
        Set<String> objects = new HashSet<>();
        Set<String> names = new HashSet<>();
        for (Mapping mapping : shown) {
            if (mapping.isChangedByOthers()) {
                objects.add(mapping.object());
                names.add(lastName(mapping.name()));
            }
        }
        List<OpenDescriptor> found = new ArrayList<>();
        if (!objects.isEmpty()) {
            for (int pid : Processes.all()) {
                if (pid != ProcessHandle.current().pid()) {
                    addThoseOf(pid, objects, names, found);
                }
            }
        }
        return found;
    }

    private static void addThoseOf(
            int pid, Set<String> objects, Set<String> names, List<OpenDescriptor> found) {
        try (var entries = Files.newDirectoryStream(Path.of("/proc/" + pid + "/fd"))) {
            for (Path entry : entries) {
                addIfOpenForWriting(pid, entry, objects, names, found);
            }
        } catch (IOException | DirectoryIteratorException e) {
            return; // it has ended since, or is not ours to see: then we do not see what it maps
            // either
        }
    }

    private static void addIfOpenForWriting(
            int pid,
            Path entry,
            Set<String> objects,
            Set<String> names,
            List<OpenDescriptor> found) {
        try {
            if (names.contains(lastName(Files.readSymbolicLink(entry).toString()))) {
                String object = objectOf(entry);
                int number = Integer.parseInt(entry.getFileName().toString());
                if (objects.contains(object) && isWritable(pid, number)) {
                    found.add(new OpenDescriptor(object, pid, Processes.program(pid), number));
                }
            }
        } catch (IOException e) {
            return; // closed since
        }
    }

    /** In another mount namespace the rest of the path may be another. */
    private static String lastName(String path) {
        String name =
                path.endsWith(DELETED) ? path.substring(0, path.length() - DELETED.length()) : path;
        return name.substring(name.lastIndexOf('/') + 1);
    }

    private static String objectOf(Path entry) throws IOException {
        long device = (Long) Files.getAttribute(entry, "unix:dev");
        long inode = (Long) Files.getAttribute(entry, "unix:ino");
        // Major and minor number as encoded by new_encode_dev of include/linux/kdev_t.h.
        long major = (device >> 8) & 0xfff;
        long minor = (device & 0xff) | ((device >> 12) & 0xfff00);
        return "%02x:%02x:%d".formatted(major, minor, inode);
    }

    private static boolean isWritable(int pid, int number) throws IOException {
        for (String line :
                Files.readAllLines(Path.of("/proc/%d/fdinfo/%d".formatted(pid, number)))) {
            if (line.startsWith("flags:")) {
                return (Long.parseLong(line.substring(6).strip(), 8) & ACCESS_MODE) != 0;
            }
        }
        return false;
    }
}
