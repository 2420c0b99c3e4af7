package dev.stillframe.engine.image;

import dev.stillframe.engine.instant.PageRecords;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.FileSystems;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;

/** The names, numbers and limits of the image format; {@code engine/IMAGE.md} gives every byte. */
final class ImageFormat {
    /** The version that is written and read. */
    static final int VERSION = 3;

    static final String MANIFEST = "manifest.json";
    static final String INDEX = "index";
    static final String PAGES = "pages";

    /** The {@link ImageJournal} of an image that is on its way; not part of a finished image. */
    static final String SESSION = "session";

    /**
     * Stands between an image's name and eight hexadecimal digits while the image is not complete.
     */
    static final String PARTIAL = ".partial-";

    /** Length of the header of the index; the records follow. */
    static final int HEADER_BYTES = 128;

    /**
     * Most pages of one image: 256 TiB of 4 KiB pages, all that a process can address with 4-level
     * tables.
     */
    static final long MAX_PAGE_COUNT = 1L << 36;

    /** Smallest page. */
    static final int MIN_PAGE_BYTES = 4096;

    /** Largest page. */
    static final int MAX_PAGE_BYTES = 65536;

    /** Longest manifest that is read; a mapping takes about 500 bytes of it, an extent about 90. */
    static final long MAX_MANIFEST_BYTES = 512L << 20;

    private static final boolean POSIX =
            FileSystems.getDefault().supportedFileAttributeViews().contains("posix");

    private static final FileAttribute<?>[] PRIVATE_FILE = permissions("rw-------");
    private static final FileAttribute<?>[] PRIVATE_DIRECTORY = permissions("rwx------");

    private ImageFormat() {}

    /**
     * With what a file is made: what is in an image is as secret as the memory it came from. Where
     * there are no such permissions (Windows), the directory's own rules hold.
     */
    static FileAttribute<?>[] privateFile() {
        return PRIVATE_FILE.clone();
    }

    /** Makes a file to write and to read, with {@link #privateFile}; there must be none. */
    static FileChannel createFile(Path file) throws IOException {
        return FileChannel.open(
                file,
                Set.of(
                        StandardOpenOption.CREATE_NEW,
                        StandardOpenOption.READ,
                        StandardOpenOption.WRITE),
                privateFile());
    }

    /** With what a directory is made. */
    static FileAttribute<?>[] privateDirectory() {
        return PRIVATE_DIRECTORY.clone();
    }

    /** Forces the names in a directory to the disk; Windows has no way to, and does it itself. */
    static void force(Path directory) throws IOException {
        if (POSIX) {
            try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
                channel.force(true);
            }
        }
    }

    private static FileAttribute<?>[] permissions(String text) {
        return POSIX
                ? new FileAttribute<?>[] {
                    PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString(text))
                }
                : new FileAttribute<?>[0];
    }

    /** Exact length of the index of an image with so many ordinals. */
    static long indexBytes(long ordinalCount) {
        return HEADER_BYTES + ordinalCount * PageRecords.RECORD_BYTES;
    }
}
