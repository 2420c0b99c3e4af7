package dev.stillframe.engine.image;

import dev.stillframe.engine.instant.PageHash;
import dev.stillframe.engine.instant.PageKind;
import dev.stillframe.engine.instant.PageRecords;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.BitSet;
import net.openhft.chronicle.bytes.MappedBytes;
import net.openhft.chronicle.core.io.BackgroundResourceReleaser;

/**
 * The index of an image, mapped as a whole: a header, then a record per page by ordinal. One thread
 * at a time.
 *
 * <p>The mapping is one chunk as long as the table: Chronicle's own single mapping is never
 * unmapped (2026.4). Chronicle maps whole pages and lengthens the file to them; {@link #seal} cuts
 * it back to its exact length. Touching a mapped hole of a full disk is a SIGBUS (with tmpfs even a
 * load is), so a part of the table is written as zeros through the file, where a full disk is an
 * exception, before it is touched the first time.
 */
final class IndexFile implements PageRecords, AutoCloseable {
    private static final int RESERVE_BYTES = 1 << 20;
    private static final int PIECE_RECORDS = 4096;
    private static final int MAPPING_UNIT = 4096;
    private static final ValueLayout.OfLong WORD =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final Path file;
    private final long ordinalCount;
    private final FileChannel channel;
    private final MappedBytes mapped;
    private final Access access;
    private final BitSet reserved = new BitSet();
    private final MemorySegment piece =
            Arena.ofAuto().allocate((long) PIECE_RECORDS * RECORD_BYTES, Long.BYTES);
    private boolean closed;

    private enum Access {
        CREATE,
        CONTINUE,
        READ
    }

    private IndexFile(Path file, long ordinalCount, FileChannel channel, Access access)
            throws IOException {
        this.file = file;
        this.ordinalCount = ordinalCount;
        this.channel = channel;
        this.access = access;
        this.mapped =
                MappedBytes.mappedBytes(
                        file.toFile(),
                        roundUp(ImageFormat.indexBytes(ordinalCount)),
                        0,
                        access == Access.READ);
        mapped.singleThreadedCheckDisabled(true); // whoever gives up may close it
    }

    /**
     * Makes the file, all pages unknown.
     *
     * @throws IOException also when the table would not fit the free space, before anything is
     *     written
     */
    static IndexFile create(Path file, long ordinalCount, int pageSizeBytes) throws IOException {
        checkRoom(file, ordinalCount);
        IndexFile index = sized(file, ordinalCount, ImageFormat.createFile(file), Access.CREATE);
        boolean done = false;
        try {
            index.reserve(0, ImageFormat.HEADER_BYTES);
            index.mapped.write(
                    0L,
                    IndexHeader.unfinished(pageSizeBytes, ordinalCount),
                    0,
                    ImageFormat.HEADER_BYTES);
            done = true;
            return index;
        } finally {
            if (!done) {
                index.close();
            }
        }
    }

    /**
     * Opens a file that {@link #create} made before, also one that was sealed, for as many pages or
     * more.
     */
    static IndexFile reopen(Path file, long ordinalCount) throws IOException {
        checkRoom(file, ordinalCount);
        FileChannel channel =
                FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE);
        return sized(file, ordinalCount, channel, Access.CONTINUE);
    }

    private static void checkRoom(Path file, long ordinalCount) throws IOException {
        long size = ImageFormat.indexBytes(ordinalCount);
        long room = Files.getFileStore(file.toAbsolutePath().getParent()).getUsableSpace();
        if (size > room) {
            throw new IOException(
                    ("the index of %d pages needs %d bytes, and %s has room for %d: make room or "
                                    + "choose another place")
                            .formatted(ordinalCount, size, file, room));
        }
    }

    /** How many records there is room for. */
    long ordinalCount() {
        return ordinalCount;
    }

    /** The same file with room for more records; this object is closed. */
    IndexFile grown(long ordinals) throws IOException {
        close();
        return reopen(file, ordinals);
    }

    private static IndexFile sized(Path file, long ordinalCount, FileChannel channel, Access access)
            throws IOException {
        long size = ImageFormat.indexBytes(ordinalCount);
        try (RandomAccessFile sized = new RandomAccessFile(file.toFile(), "rw")) {
            // One that was begun with more pages keeps its length until it is sealed.
            sized.setLength(Math.max(sized.length(), roundUp(size)));
        } catch (IOException e) {
            channel.close();
            throw WriteFailure.of(file, 0, size, e);
        }
        return mapped(file, ordinalCount, channel, access);
    }

    private static IndexFile mapped(
            Path file, long ordinalCount, FileChannel channel, Access access) throws IOException {
        boolean done = false;
        try {
            IndexFile index = new IndexFile(file, ordinalCount, channel, access);
            done = true;
            return index;
        } finally {
            if (!done) {
                channel.close();
            }
        }
    }

    /** Opens the file to read; the caller has checked its length. */
    static IndexFile open(Path file, long ordinalCount) throws IOException {
        return mapped(
                file, ordinalCount, FileChannel.open(file, StandardOpenOption.READ), Access.READ);
    }

    /** The kind code of a page, as it stands in the file; not necessarily a valid one. */
    long kindCode(long ordinal) throws IOException {
        reserve(position(ordinal), RECORD_BYTES);
        return mapped.readLong(position(ordinal));
    }

    /** The first page from {@code from} on that is stored here; {@code end} if none is. */
    long nextStored(long from, long end) throws IOException {
        reserve(position(from), (end - from) * RECORD_BYTES);
        for (long first = from; first < end; first += PIECE_RECORDS) {
            int part = (int) Math.min(PIECE_RECORDS, end - first);
            read(first, part);
            for (int page = 0; page < part; page++) {
                if (piece.get(WORD, (long) page * RECORD_BYTES) == PageKind.DATA.code()) {
                    return first + page;
                }
            }
        }
        return end;
    }

    /** Records pages that have no data. */
    void record(long firstOrdinal, long count, PageKind kind) throws IOException {
        reserve(position(firstOrdinal), count * RECORD_BYTES);
        for (long ordinal = firstOrdinal; ordinal < firstOrdinal + count; ordinal++) {
            mapped.writeLong(position(ordinal), kind.code());
            mapped.writeLong(position(ordinal) + Long.BYTES, 0);
            mapped.writeLong(position(ordinal) + 2 * Long.BYTES, 0);
        }
    }

    /** Makes records as if nothing had ever been recorded. */
    void forget(long firstOrdinal, long count) throws IOException {
        record(firstOrdinal, count, PageKind.UNKNOWN);
    }

    /** Records pages of data; {@code hashes} holds {@link PageHash#BYTES} for each. */
    void recordData(long firstOrdinal, long count, MemorySegment hashes) throws IOException {
        reserve(position(firstOrdinal), count * RECORD_BYTES);
        for (long page = 0; page < count; page++) {
            long at = position(firstOrdinal + page);
            mapped.writeLong(at, PageKind.DATA.code());
            mapped.writeLong(at + Long.BYTES, hashes.get(WORD, page * PageHash.BYTES));
            mapped.writeLong(
                    at + 2 * Long.BYTES, hashes.get(WORD, page * PageHash.BYTES + Long.BYTES));
        }
    }

    /** Records that a page of data, whose hash is recorded already, is stored in the parent. */
    void recordInParent(long ordinal) throws IOException {
        reserve(position(ordinal), RECORD_BYTES);
        mapped.writeLong(position(ordinal), PageKind.IN_PARENT.code());
    }

    /**
     * Records pages of data that are stored in the parent; {@code hashes} holds {@link
     * PageHash#BYTES} for each.
     */
    void recordInParent(long firstOrdinal, int count, MemorySegment hashes) throws IOException {
        reserve(position(firstOrdinal), (long) count * RECORD_BYTES);
        for (int done = 0; done < count; done += PIECE_RECORDS) {
            int part = Math.min(PIECE_RECORDS, count - done);
            for (int page = 0; page < part; page++) {
                long at = (long) page * RECORD_BYTES;
                piece.set(WORD, at, PageKind.IN_PARENT.code());
                MemorySegment.copy(
                        hashes,
                        (long) (done + page) * PageHash.BYTES,
                        piece,
                        at + Long.BYTES,
                        PageHash.BYTES);
            }
            write(firstOrdinal + done, part);
        }
    }

    /**
     * The first page of a run that is not data with its hash, stored here or in the parent; {@code
     * count} if all are.
     */
    int firstUnlike(long firstOrdinal, int count, MemorySegment hashes, long offset) {
        for (int done = 0; done < count; done += PIECE_RECORDS) {
            int part = Math.min(PIECE_RECORDS, count - done);
            read(firstOrdinal + done, part);
            for (int page = 0; page < part; page++) {
                long at = (long) page * RECORD_BYTES;
                long hash = offset + (long) (done + page) * PageHash.BYTES;
                long code = piece.get(WORD, at);
                if ((code != PageKind.DATA.code() && code != PageKind.IN_PARENT.code())
                        || piece.get(WORD, at + Long.BYTES) != hashes.get(WORD, hash)
                        || piece.get(WORD, at + 2 * Long.BYTES)
                                != hashes.get(WORD, hash + Long.BYTES)) {
                    return done + page;
                }
            }
        }
        return count;
    }

    /** The records as the root hash has them: by what a page holds, not by where it is stored. */
    PageRecords content() {
        return (firstOrdinal, count, into) -> {
            int from = into.position();
            copy(firstOrdinal, count, into);
            ByteBuffer words = into.duplicate().order(ByteOrder.LITTLE_ENDIAN);
            for (int at = from; at < into.position(); at += RECORD_BYTES) {
                if (words.getLong(at) == PageKind.IN_PARENT.code()) {
                    words.putLong(at, PageKind.DATA.code());
                }
            }
        };
    }

    /** Whether a page is data with that hash, stored here or in the parent. */
    boolean has(long ordinal, MemorySegment hashes, long offset) {
        return firstUnlike(ordinal, 1, hashes, offset) == 1;
    }

    @Override
    public void copy(long firstOrdinal, int count, ByteBuffer into) throws IOException {
        if (firstOrdinal < 0 || count < 0 || firstOrdinal > ordinalCount - count) {
            throw new IndexOutOfBoundsException(
                    count + " pages from " + firstOrdinal + " of " + ordinalCount);
        }
        reserve(position(firstOrdinal), (long) count * RECORD_BYTES);
        for (int done = 0; done < count; done += PIECE_RECORDS) {
            int part = Math.min(PIECE_RECORDS, count - done);
            read(firstOrdinal + done, part);
            into.put(piece.asSlice(0, (long) part * RECORD_BYTES).asByteBuffer());
        }
    }

    /** Records into the piece; a record at a time through Chronicle takes ten times as long. */
    private void read(long firstOrdinal, int count) {
        mapped.nativeRead(position(firstOrdinal), piece.address(), (long) count * RECORD_BYTES);
    }

    private void write(long firstOrdinal, int count) {
        mapped.nativeWrite(piece.address(), position(firstOrdinal), (long) count * RECORD_BYTES);
    }

    /**
     * Returns when all that was recorded is on the disk: fsync(2) writes a mapping's pages, too.
     */
    void force() throws IOException {
        channel.force(false);
    }

    /** Writes the header, which makes the index valid, and forces all of it to the disk. */
    void seal(IndexHeader header) throws IOException {
        byte[] bytes = header.encode();
        mapped.write(0L, bytes, 0, bytes.length);
        release();
        channel.truncate(ImageFormat.indexBytes(header.ordinalCount()));
        channel.force(true);
    }

    /** Unmaps and closes; idempotent. What was recorded stays in the file. */
    @Override
    public void close() throws IOException {
        try (channel) {
            release();
        }
    }

    private void release() {
        if (!closed) {
            closed = true;
            mapped.releaseLast();
            BackgroundResourceReleaser.releasePendingResources(); // unmapped now, not some time
        }
    }

    private void reserve(long from, long sizeBytes) throws IOException {
        if (access == Access.READ || sizeBytes == 0) {
            return;
        }
        int first = (int) (from / RESERVE_BYTES);
        int last = (int) ((from + sizeBytes - 1) / RESERVE_BYTES);
        int part = reserved.nextClearBit(first);
        if (part > last) {
            return;
        }
        ByteBuffer bytes = ByteBuffer.allocateDirect(RESERVE_BYTES);
        for (; part <= last; part = reserved.nextClearBit(part)) {
            long at = (long) part * RESERVE_BYTES;
            long size = Math.min(RESERVE_BYTES, roundUp(ImageFormat.indexBytes(ordinalCount)) - at);
            bytes.clear().limit((int) size);
            try {
                if (access == Access.CONTINUE) { // what is there is written again, as it is
                    while (bytes.hasRemaining()
                            && channel.read(bytes, at + bytes.position()) >= 0) {}
                    bytes.rewind();
                }
                while (bytes.hasRemaining()) {
                    channel.write(bytes, at + bytes.position());
                }
            } catch (IOException e) {
                throw WriteFailure.of(file, at, RESERVE_BYTES, e);
            }
            reserved.set(part);
        }
    }

    private static long position(long ordinal) {
        return ImageFormat.indexBytes(ordinal);
    }

    private static long roundUp(long sizeBytes) {
        return (sizeBytes + MAPPING_UNIT - 1) / MAPPING_UNIT * MAPPING_UNIT;
    }
}
