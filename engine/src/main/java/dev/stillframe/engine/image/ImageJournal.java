package dev.stillframe.engine.image;

import dev.stillframe.engine.instant.PageHash;
import dev.stillframe.engine.page.Checkpoint;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import net.openhft.chronicle.bytes.MappedBytes;
import net.openhft.chronicle.core.io.BackgroundResourceReleaser;
import org.jspecify.annotations.Nullable;

/**
 * The journal of an image that arrives: whose it is and how far it is on the disk. Two slots,
 * written in turn, each with a number and a checksum, so that a write that is cut short leaves the
 * one before; {@value #SLOT_BYTES} bytes apart, so that no disk has both in one sector, which a
 * power cut can tear as a whole. Locked while it is open, so that two processes never write one
 * image. Owned by one thread.
 *
 * <p>A slot: the format (u64, {@value #FORMAT}), number u64, batches u64, pages u64, key (32
 * bytes), SHA-256 of the layout (32 bytes, zeros before the layout is known), XXH3-128 of all that;
 * little-endian. {@code engine/IMAGE.md} says the same.
 */
final class ImageJournal implements AutoCloseable {
    /** Length of a key. */
    static final int KEY_BYTES = 32;

    /** The largest sector of a disk. */
    static final int SLOT_BYTES = 4096;

    private static final int FORMAT = 2;
    private static final int DIGEST_BYTES = 32;
    private static final int CHECKED_BYTES = 4 * Long.BYTES + KEY_BYTES + DIGEST_BYTES;
    private static final int ENTRY_BYTES = CHECKED_BYTES + PageHash.BYTES;
    private static final int FILE_BYTES = 2 * SLOT_BYTES;

    /**
     * Of format 1: one sector, in which both slots were, 128 bytes apart, each with the key behind
     * three numbers.
     */
    private static final int FORMER_FILE_BYTES = 4096;

    private static final int[] FORMER_KEYS_AT = {24, 128 + 24};

    private final FileChannel channel;
    private final FileLock lock;
    private final MappedBytes mapped;
    private Entry last;
    private boolean closed;

    /**
     * What a slot says.
     *
     * @param number counts the entries
     * @param layoutDigest SHA-256 of the layout's JSON; zeros while it is not known
     */
    @SuppressWarnings("ArrayRecordComponent") // compared with Arrays.equals
    record Entry(long number, Checkpoint checkpoint, byte[] key, byte[] layoutDigest) {
        boolean hasLayout() {
            return !Arrays.equals(layoutDigest, new byte[DIGEST_BYTES]);
        }
    }

    private ImageJournal(FileChannel channel, FileLock lock, MappedBytes mapped, Entry last) {
        this.channel = channel;
        this.lock = lock;
        this.mapped = mapped;
        this.last = last;
    }

    /** Makes the journal of a new image. */
    static ImageJournal create(Path file, byte[] key) throws IOException {
        FileChannel channel = ImageFormat.createFile(file);
        boolean done = false;
        try {
            ByteBuffer zeros = ByteBuffer.allocate(FILE_BYTES);
            while (zeros.hasRemaining()) {
                channel.write(zeros); // a full disk is an exception here, a signal in a mapping
            }
            Entry start = new Entry(0, Checkpoint.START, key, new byte[DIGEST_BYTES]);
            ImageJournal journal = locked(file, channel, start);
            journal.write(start);
            done = true;
            return journal;
        } catch (IOException e) {
            throw WriteFailure.of(file, 0, FILE_BYTES, e);
        } finally {
            if (!done) {
                channel.close();
            }
        }
    }

    /**
     * Opens a journal if it is that of {@code key}; null if it is another's or says nothing.
     *
     * @throws ImageFormatException if it is that of {@code key}, of a format that is not read any
     *     more
     */
    static @Nullable ImageJournal open(Path file, byte[] key) throws IOException {
        if (!Files.isRegularFile(file)) {
            return null;
        }
        long size = Files.size(file);
        if (size == FORMER_FILE_BYTES) {
            refuseFormer(file, key);
        }
        return size == FILE_BYTES ? openWhole(file, key) : null;
    }

    private static @Nullable ImageJournal openWhole(Path file, byte[] key) throws IOException {
        FileChannel channel =
                FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE);
        boolean kept = false;
        try {
            Entry entry = read(channel);
            if (entry == null || !Arrays.equals(entry.key(), key)) {
                return null;
            }
            ImageJournal journal = locked(file, channel, entry);
            kept = true;
            return journal;
        } finally {
            if (!kept) {
                channel.close();
            }
        }
    }

    private static void refuseFormer(Path file, byte[] key) throws IOException {
        byte[] slots = Files.readAllBytes(file);
        for (int at : FORMER_KEYS_AT) {
            if (slots.length >= at + KEY_BYTES
                    && Arrays.equals(slots, at, at + KEY_BYTES, key, 0, KEY_BYTES)) {
                throw new ImageFormatException(
                        "%s was begun by an earlier version, whose journal is not read any more: remove it and send the image again"
                                .formatted(file.getParent()));
            }
        }
    }

    private static ImageJournal locked(Path file, FileChannel channel, Entry last)
            throws IOException {
        FileLock lock;
        try {
            lock = channel.tryLock();
        } catch (OverlappingFileLockException e) {
            throw (IOException)
                    new ImageBusyException(file + " is in use by another session of this process")
                            .initCause(e);
        }
        if (lock == null) {
            throw new ImageBusyException(
                    file + " is in use by another process: end that receiver, or use it");
        }
        MappedBytes mapped = MappedBytes.mappedBytes(file.toFile(), FILE_BYTES, 0, false);
        mapped.singleThreadedCheckDisabled(true); // whoever gives up may close it
        return new ImageJournal(channel, lock, mapped, last);
    }

    /** The last entry that was written whole. */
    Entry last() {
        return last;
    }

    /** The layout is known, and the files are there. */
    void begun(byte[] layoutDigest) throws IOException {
        write(new Entry(last.number() + 1, last.checkpoint(), last.key(), layoutDigest));
    }

    /** Everything up to {@code reached} is on the disk. */
    void reached(Checkpoint reached) throws IOException {
        write(new Entry(last.number() + 1, reached, last.key(), last.layoutDigest()));
    }

    private void write(Entry entry) throws IOException {
        byte[] slot = encode(entry);
        mapped.write(entry.number() % 2 * SLOT_BYTES, slot, 0, slot.length);
        channel.force(false); // a mapping's pages are the file's: fsync(2) writes them
        last = entry;
    }

    @Override
    public void close() throws IOException {
        if (!closed) {
            closed = true;
            try (channel;
                    lock) { // whatever else fails, nobody is to find it busy
                mapped.releaseLast();
                BackgroundResourceReleaser.releasePendingResources();
            }
        }
    }

    private static byte[] encode(Entry entry) {
        ByteBuffer out = ByteBuffer.allocate(ENTRY_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        out.putLong(FORMAT).putLong(entry.number());
        out.putLong(entry.checkpoint().batches()).putLong(entry.checkpoint().pages());
        out.put(entry.key()).put(entry.layoutDigest());
        out.put(checksum(Arrays.copyOf(out.array(), CHECKED_BYTES)));
        return out.array();
    }

    /** The newest of the two slots that is whole; null if none is. */
    private static @Nullable Entry read(FileChannel channel) throws IOException {
        ByteBuffer in = ByteBuffer.allocate(FILE_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        while (in.hasRemaining() && channel.read(in, in.position()) > 0) {}
        Entry newest = null;
        for (int at = 0; at < FILE_BYTES; at += SLOT_BYTES) {
            Entry entry = decode(in.slice(at, ENTRY_BYTES).order(in.order()));
            if (entry != null && (newest == null || entry.number() > newest.number())) {
                newest = entry;
            }
        }
        return newest;
    }

    /**
     * Null as well for another format, and for numbers that are never written; a slot's place is
     * computed from them.
     */
    private static @Nullable Entry decode(ByteBuffer slot) {
        byte[] checked = new byte[CHECKED_BYTES];
        byte[] checksum = new byte[PageHash.BYTES];
        byte[] key = new byte[KEY_BYTES];
        byte[] digest = new byte[DIGEST_BYTES];
        slot.get(0, checked).get(CHECKED_BYTES, checksum);
        if (!Arrays.equals(checksum, checksum(checked))) {
            return null;
        }
        long format = slot.getLong();
        long number = slot.getLong();
        Checkpoint checkpoint = new Checkpoint(slot.getLong(), slot.getLong());
        slot.get(key).get(digest);
        if (format != FORMAT || number < 0 || checkpoint.batches() < 0 || checkpoint.pages() < 0) {
            return null;
        }
        return new Entry(number, checkpoint, key, digest);
    }

    private static byte[] checksum(byte[] bytes) {
        byte[] hash = new byte[PageHash.BYTES];
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment memory = arena.allocate(bytes.length + PageHash.BYTES, Long.BYTES);
            MemorySegment.copy(bytes, 0, memory, ValueLayout.JAVA_BYTE, 0, bytes.length);
            new PageHash().hash(memory, 0, bytes.length, memory, bytes.length);
            MemorySegment.copy(
                    memory, ValueLayout.JAVA_BYTE, bytes.length, hash, 0, PageHash.BYTES);
        }
        return hash;
    }
}
