package dev.stillframe.agent.cli;

import dev.stillframe.agent.doctor.Readiness.Finding;
import dev.stillframe.agent.doctor.Readiness.Status;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;

/** Whether a directory is a good place for images. Writes one small file there and removes it. */
final class StoreCheck {
    private static final int BLOCK_BYTES = 4096;
    private static final long FREE_LEAST_BYTES = 1L << 30;

    private final Path directory;

    StoreCheck(Path directory) {
        this.directory = directory;
    }

    List<Finding> findings() {
        return List.of(space(), directWrites());
    }

    private Finding space() {
        String name = "space in store";
        try {
            long free = Files.getFileStore(directory).getUsableSpace();
            String found = Units.bytes(free) + " free in " + directory;
            return free >= FREE_LEAST_BYTES
                    ? new Finding(name, Status.OK, found, "")
                    : new Finding(
                            name, Status.WARN, found, "free some space, or choose another --store");
        } catch (IOException e) {
            return new Finding(
                    name,
                    Status.FAIL,
                    Failure.describe(e),
                    "make the directory, or choose another --store");
        }
    }

    private Finding directWrites() {
        String name = "O_DIRECT in store";
        try {
            Path probe = Files.createTempFile(directory, ".stillframe-doctor", "");
            try {
                return directWrite(name, probe);
            } finally {
                Files.delete(probe);
            }
        } catch (IOException e) {
            return new Finding(
                    name,
                    Status.FAIL,
                    Failure.describe(e),
                    "make " + directory + " writable for this user");
        }
    }

    private static Finding directWrite(String name, Path probe) {
        ByteBuffer block =
                ByteBuffer.allocateDirect(2 * BLOCK_BYTES)
                        .alignedSlice(BLOCK_BYTES)
                        .limit(BLOCK_BYTES);
        try (FileChannel channel =
                FileChannel.open(probe, StandardOpenOption.WRITE, directOption())) {
            channel.write(block);
            return new Finding(name, Status.OK, "works", "");
        } catch (IOException | UnsupportedOperationException e) {
            return new Finding(
                    name,
                    Status.WARN,
                    "refused ("
                            + Failure.describe(e)
                            + "): images are written through the page cache, slower",
                    "choose a --store on ext4, xfs or btrfs");
        }
    }

    /** Found by name, because javac warns of its package in a way that nothing can suppress. */
    private static OpenOption directOption() {
        try {
            Class<?> options = Class.forName("com.sun.nio.file.ExtendedOpenOption");
            return (OpenOption) options.getField("DIRECT").get(null);
        } catch (ReflectiveOperationException e) {
            throw new UnsupportedOperationException("this Java has no direct I/O", e);
        }
    }
}
