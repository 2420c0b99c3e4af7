package dev.stillframe.tests.qemu;

import static java.nio.charset.StandardCharsets.US_ASCII;

import dev.stillframe.tests.target.NativeProgram;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.zip.GZIPOutputStream;

/**
 * The first and only file system of guests: busybox, {@code guestload.c} and a script that runs it.
 * The format is cpio's "newc" (kernel, {@code Documentation/driver-api/early-userspace/
 * buffer-format.rst}), compressed with gzip. Thread-safe.
 */
final class Initramfs {
    private static final Path FILE = NativeProgram.scratch().resolve("guest.initramfs");
    private static final Path BUSYBOX = Path.of("/bin/busybox");
    private static final String INIT =
            """
            #!/bin/busybox sh
            /bin/busybox mount -t proc proc /proc
            /bin/busybox mount -t sysfs sysfs /sys
            /bin/busybox mount -t devtmpfs dev /dev
            /bin/guestload > /dev/ttyS0 2>&1
            /bin/busybox echo "guestload ended: $?" > /dev/ttyS0
            /bin/busybox poweroff -f
            """;
    private static final int DIRECTORY = 0040755;
    private static final int PROGRAM = 0100755;
    private static final int ALIGNMENT_BYTES = 4;

    private static boolean written;

    private final OutputStream out;
    private int entries;

    private Initramfs(OutputStream out) {
        this.out = out;
    }

    /**
     * The file; written once by each JVM. It outlives the guests, for a restored one needs it too.
     */
    static synchronized Path path() throws IOException, InterruptedException {
        if (!written) {
            write();
            written = true;
        }
        return FILE;
    }

    /** There is no file or a whole one at any time. */
    private static void write() throws IOException, InterruptedException {
        Path load = NativeProgram.ofStatic("guestload");
        Path unfinished = Files.createTempFile(NativeProgram.scratch(), "initramfs-", "");
        try {
            try (OutputStream out = new GZIPOutputStream(Files.newOutputStream(unfinished))) {
                Initramfs archive = new Initramfs(out);
                for (String directory : new String[] {"bin", "proc", "sys", "dev"}) {
                    archive.add(directory, DIRECTORY, new byte[0]);
                }
                archive.add("bin/busybox", PROGRAM, Files.readAllBytes(BUSYBOX));
                archive.add("bin/guestload", PROGRAM, Files.readAllBytes(load));
                archive.add("init", PROGRAM, INIT.getBytes(US_ASCII));
                archive.add("TRAILER!!!", 0, new byte[0]);
            }
            Files.move(unfinished, FILE, StandardCopyOption.ATOMIC_MOVE);
        } finally {
            Files.deleteIfExists(unfinished);
        }
    }

    /** Header, name and content, the latter two filled up to words. */
    private void add(String name, int mode, byte[] content) throws IOException {
        entries++;
        int links = 1;
        int ofDevices = 0; // the device that holds the file and the one that it is: none
        byte[] named = (name + "\0").getBytes(US_ASCII);
        StringBuilder header = new StringBuilder("070701");
        int[] fields = {
            entries, // inode
            mode,
            0, // user
            0, // group
            links,
            0, // time
            content.length,
            ofDevices,
            ofDevices,
            ofDevices,
            ofDevices,
            named.length,
            0 // checksum: none in this format
        };
        for (int field : fields) {
            header.append("%08X".formatted(field));
        }
        byte[] head = header.toString().getBytes(US_ASCII);
        out.write(head);
        out.write(named);
        fill(head.length + named.length);
        out.write(content);
        fill(content.length);
    }

    private void fill(int written) throws IOException {
        out.write(new byte[Math.floorMod(-written, ALIGNMENT_BYTES)]);
    }
}
