package dev.stillframe.agent.qemu;

import dev.stillframe.engine.page.Machine;
import dev.stillframe.engine.target.TargetException;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.util.Map;

/**
 * A file that QEMU writes the state of its devices to: in a directory of its own, which only QEMU's user can enter, under
 * the temporary directory as QEMU sees it (it may live under another root).
 */
final class DeviceState implements AutoCloseable {
    private static final String TEMPORARY = "/tmp";
    private static final String FILE = "devices";

    private final Path directory;
    private final Path file;
    private final String forQemu;

    private DeviceState(Path directory) {
        this.directory = directory;
        this.file = directory.resolve(FILE);
        this.forQemu = TEMPORARY + "/" + directory.getFileName() + "/" + FILE;
    }

    /** For QEMU in process {@code pid}, which runs as user {@code userId}; {@code guardian} removes it if we cannot. */
    static DeviceState create(int pid, int userId, Guardian guardian) throws IOException {
        Path root = Path.of("/proc/" + pid + "/root" + TEMPORARY);
        try {
            Path directory = root.resolve("stillframe-" + Long.toUnsignedString(new SecureRandom().nextLong()));
            guardian.owns(directory);
            Files.createDirectory(
                    directory,
                    PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
            DeviceState state = new DeviceState(directory);
            if ((int) Files.getAttribute(directory, "unix:uid") != userId) {
                Files.setAttribute(directory, "unix:uid", userId);
            }
            return state;
        } catch (IOException e) {
            throw new TargetException(
                    "no directory for the state of QEMU's devices can be made in %s, where QEMU sees %s: %s"
                            .formatted(root, TEMPORARY, e.getMessage()),
                    e);
        }
    }

    /** Has QEMU write it; the machine must stand. */
    byte[] save(Qmp qmp) throws IOException {
        qmp.execute(VirtualMachine.SAVE_DEVICES, Map.of("filename", forQemu, "live", false));
        if (Files.size(file) > Machine.MAX_DEVICES_BYTES) {
            throw new TargetException(
                    "the state of QEMU's devices takes %d bytes; at most %d are stored"
                            .formatted(Files.size(file), Machine.MAX_DEVICES_BYTES));
        }
        return Files.readAllBytes(file);
    }

    /** Removes what {@link #create} made, if it is still there. */
    static void remove(Path directory) throws IOException {
        Files.deleteIfExists(directory.resolve(FILE));
        Files.deleteIfExists(directory);
    }

    @Override
    public void close() throws IOException {
        remove(directory);
    }
}
