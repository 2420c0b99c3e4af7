package dev.stillframe.engine.image;

import dev.stillframe.engine.page.Checkpoint;
import dev.stillframe.engine.page.PageHash;

import net.openhft.chronicle.bytes.MappedBytes;
import net.openhft.chronicle.core.io.BackgroundResourceReleaser;

import org.jspecify.annotations.Nullable;

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

/**
 * The journal of an image that arrives: whose it is and how far it is on the disk. Two slots, written in turn, each
 * with a number and a checksum, so that a write that is cut short leaves the one before. Locked while it is open, so
 * that two processes never write one image. Owned by one thread.
 *
 * <p>A slot: number u64, batches u64, pages u64, key (32 bytes), SHA-256 of the layout (32 bytes, zeros before
 * the layout is known), XXH3-128 of all that; little-endian.
 */
final class ImageJournal implements AutoCloseable {
    /** Length of a key. */
    static final int KEY_BYTES = 32;

    private static final int DIGEST_BYTES = 32;
    private static final int SLOT_BYTES = 128;
    private static final int CHECKED_BYTES = 3 * Long.BYTES + KEY_BYTES + DIGEST_BYTES;
    private static final int FILE_BYTES = 4096;

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
        try {
            ByteBuffer zeros = ByteBuffer.allocate(FILE_BYTES);
            while (zeros.hasRemaining()) {
                channel.write(zeros); // a full disk is an exception here, a signal in a mapping
            }
            Entry start = new Entry(0, Checkpoint.START, key, new byte[DIGEST_BYTES]);
            ImageJournal journal = locked(file, channel, start);
            journal.write(start);
            return journal;
        } catch (IOException e) {
            channel.close();
            throw WriteFailure.of(file, 0, FILE_BYTES, e);
        }
    }

    /** Opens a journal if it is that of {@code key}; null if it is another's or says nothing. */
    static @Nullable ImageJournal open(Path file, byte[] key) throws IOException {
        if (!Files.isRegularFile(file) || Files.size(file) != FILE_BYTES) {
            return null;
        }
        FileChannel channel =
                FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE);
        try {
            Entry entry = read(channel);
            if (entry != null && Arrays.equals(entry.key(), key)) {
                return locked(file, channel, entry);
            }
        } catch (IOException e) {
            channel.close();
            throw e;
        }
        channel.close();
        return null;
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
            mapped.releaseLast();
            BackgroundResourceReleaser.releasePendingResources();
            try (channel) {
                lock.release();
            }
        }
    }

    private static byte[] encode(Entry entry) {
        ByteBuffer out = ByteBuffer.allocate(SLOT_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        out.putLong(entry.number());
        out.putLong(entry.checkpoint().batches()).putLong(entry.checkpoint().pages());
        out.put(entry.key()).put(entry.layoutDigest());
        out.put(checksum(Arrays.copyOf(out.array(), CHECKED_BYTES)));
        return out.array();
    }

    /** The newest of the two slots that is whole; null if none is. */
    private static @Nullable Entry read(FileChannel channel) throws IOException {
        ByteBuffer in = ByteBuffer.allocate(2 * SLOT_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        while (in.hasRemaining() && channel.read(in, in.position()) > 0) {}
        Entry newest = null;
        for (int at = 0; at < 2 * SLOT_BYTES; at += SLOT_BYTES) {
            Entry entry = decode(in.slice(at, SLOT_BYTES).order(in.order()));
            if (entry != null && (newest == null || entry.number() > newest.number())) {
                newest = entry;
            }
        }
        return newest;
    }

    /** Null as well for numbers that are never written; a slot's place is computed from them. */
    private static @Nullable Entry decode(ByteBuffer slot) {
        byte[] checked = new byte[CHECKED_BYTES];
        byte[] checksum = new byte[PageHash.BYTES];
        byte[] key = new byte[KEY_BYTES];
        byte[] digest = new byte[DIGEST_BYTES];
        slot.get(0, checked).get(CHECKED_BYTES, checksum);
        if (!Arrays.equals(checksum, checksum(checked))) {
            return null;
        }
        long number = slot.getLong();
        Checkpoint checkpoint = new Checkpoint(slot.getLong(), slot.getLong());
        slot.get(key).get(digest);
        if (number < 0 || checkpoint.batches() < 0 || checkpoint.pages() < 0) {
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
