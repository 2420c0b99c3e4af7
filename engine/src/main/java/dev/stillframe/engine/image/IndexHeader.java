package dev.stillframe.engine.image;

import dev.stillframe.engine.instant.PageHash;
import dev.stillframe.engine.instant.PageRecords;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;

/**
 * The first {@value ImageFormat#HEADER_BYTES} bytes of the index, little-endian: magic (8), format
 * (4), header length (4), page count (8), page size (4), record length (4), SHA-256 of the manifest
 * (32), zeros (48), {@link PageHash} of all that (16). Until the image is finished the hash of the
 * manifest and the checksum are zero.
 */
@SuppressWarnings("ArrayRecordComponent") // compared with Arrays.equals
record IndexHeader(int pageSizeBytes, long ordinalCount, byte[] manifestHash) {
    private static final byte[] MAGIC = "SFINDEX\0".getBytes(StandardCharsets.US_ASCII);
    private static final int CHECKED_BYTES = ImageFormat.HEADER_BYTES - PageHash.BYTES;
    private static final int MANIFEST_HASH_BYTES = 32;
    private static final int PAGE_SIZE_AT = 24;

    /** The header of an image whose manifest is not known yet; {@link #decode} refuses it. */
    static byte[] unfinished(int pageSizeBytes, long ordinalCount) {
        byte[] header =
                new IndexHeader(pageSizeBytes, ordinalCount, new byte[MANIFEST_HASH_BYTES])
                        .encode();
        Arrays.fill(header, CHECKED_BYTES, header.length, (byte) 0);
        return header;
    }

    /** The page size that a header states, finished or not, unchecked. */
    static int pageSizeBytes(byte[] header) {
        return ByteBuffer.wrap(header).order(ByteOrder.LITTLE_ENDIAN).getInt(PAGE_SIZE_AT);
    }

    byte[] encode() {
        ByteBuffer out =
                ByteBuffer.allocate(ImageFormat.HEADER_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        out.put(MAGIC)
                .putInt(ImageFormat.VERSION)
                .putInt(ImageFormat.HEADER_BYTES)
                .putLong(ordinalCount)
                .putInt(pageSizeBytes)
                .putInt(PageRecords.RECORD_BYTES)
                .put(manifestHash);
        return out.put(CHECKED_BYTES, checksum(out.array())).array();
    }

    /** Reads what {@link #encode} wrote; {@code file} is for messages. */
    static IndexHeader decode(byte[] header, Path file) throws ImageFormatException {
        ByteBuffer in = ByteBuffer.wrap(header).order(ByteOrder.LITTLE_ENDIAN);
        byte[] magic = new byte[MAGIC.length];
        in.get(magic);
        if (!Arrays.equals(magic, MAGIC)) {
            throw new ImageFormatException(file + " does not begin as the index of an image does");
        }
        int format = in.getInt();
        if (format != ImageFormat.VERSION) {
            throw new ImageFormatException(
                    "%s has format %d; this program reads format %d: use the release that wrote it, or take the image anew"
                            .formatted(file, format, ImageFormat.VERSION));
        }
        if (Arrays.equals(
                header,
                CHECKED_BYTES,
                header.length,
                new byte[PageHash.BYTES],
                0,
                PageHash.BYTES)) {
            throw new ImageFormatException(
                    file + " has a header without a checksum: the image was never finished");
        }
        if (!Arrays.equals(
                header, CHECKED_BYTES, header.length, checksum(header), 0, PageHash.BYTES)) {
            throw new ImageFormatException(
                    file + ": the checksum of the header does not match its bytes");
        }
        in.getInt(); // the lengths cannot differ within a format, and the checksum covers them
        long ordinalCount = in.getLong();
        int pageSizeBytes = in.getInt();
        in.getInt();
        byte[] manifestHash = new byte[MANIFEST_HASH_BYTES];
        in.get(manifestHash);
        return new IndexHeader(pageSizeBytes, ordinalCount, manifestHash);
    }

    private static byte[] checksum(byte[] header) {
        try (Arena call = Arena.ofConfined()) {
            MemorySegment bytes = call.allocate(CHECKED_BYTES);
            MemorySegment hash = call.allocate(PageHash.BYTES);
            MemorySegment.copy(header, 0, bytes, ValueLayout.JAVA_BYTE, 0, CHECKED_BYTES);
            new PageHash().hash(bytes, 0, CHECKED_BYTES, hash, 0);
            return hash.toArray(ValueLayout.JAVA_BYTE);
        }
    }
}
