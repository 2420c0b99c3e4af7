package dev.stillframe.engine.image;

import dev.stillframe.engine.instant.Layout;
import dev.stillframe.engine.instant.PageHash;
import dev.stillframe.engine.instant.PageKind;
import dev.stillframe.engine.instant.PageRecords;
import dev.stillframe.engine.instant.RootHash;
import dev.stillframe.engine.memory.AddressRange;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Checks every bit of an image: manifest and index header against their checksums, lengths, every
 * record's form, every stored page against its hash, everything else in the page file for being
 * zero, lost pages for being listed, and all of it against the root hash. Owned by one thread.
 */
public final class ImageVerifier {
    private static final int STEP_BYTES = 4 << 20;

    private final ImageReader reader;
    private final Layout layout;
    private final MissingRanges missing;
    private final MemorySegment step;
    private final MemorySegment zeros;
    private final MemorySegment hash;
    private final PageHash hasher = new PageHash();
    private final ByteBuffer records;
    private final List<Verification.Damage> damages = new ArrayList<>();
    private long damageCount;
    private long dataPages;
    private long sharedPages;

    /** Told how far a check is; returns at once and never throws. */
    @FunctionalInterface
    public interface Progress {
        /** Hears nothing. */
        Progress NONE = (done, total) -> {};

        /** Now {@code doneBytes} of {@code totalBytes} are checked. */
        void at(long doneBytes, long totalBytes);
    }

    private ImageVerifier(ImageReader reader, Arena arena) {
        this.reader = reader;
        this.layout = reader.layout();
        this.missing = new MissingRanges(reader.missing());
        this.step = arena.allocate(STEP_BYTES, layout.pageSizeBytes());
        this.zeros = arena.allocate(layout.pageSizeBytes(), layout.pageSizeBytes());
        this.hash = arena.allocate(PageHash.BYTES);
        int pagesPerStep = STEP_BYTES / layout.pageSizeBytes();
        this.records =
                ByteBuffer.allocate(pagesPerStep * PageRecords.RECORD_BYTES)
                        .order(ByteOrder.LITTLE_ENDIAN);
    }

    /**
     * Checks an image.
     *
     * @return what is wrong, also when the image cannot even be opened
     * @throws IOException if it is not there or the machine fails; damaged pages are no exception
     */
    public static Verification verify(Path image, Progress progress) throws IOException {
        return verify(image, List.of(), progress);
    }

    /**
     * The same of an image whose parents may be in {@code places} too; pages that they have are
     * checked there.
     */
    public static Verification verify(Path image, List<Path> places, Progress progress)
            throws IOException {
        try (ImageReader reader = ImageReader.open(image, places);
                Arena arena = Arena.ofConfined()) {
            ImageVerifier verifier = new ImageVerifier(reader, arena);
            verifier.checkPages(progress);
            verifier.checkRoot();
            return new Verification(
                    verifier.layout.pageCount(),
                    verifier.dataPages,
                    verifier.sharedPages,
                    verifier.damageCount,
                    verifier.damages);
        } catch (ImageFormatException e) {
            return new Verification(
                    0,
                    0,
                    0,
                    1,
                    List.of(new Verification.Damage(null, String.valueOf(e.getMessage()))));
        }
    }

    private void checkPages(Progress progress) throws IOException {
        int pageSize = layout.pageSizeBytes();
        int pagesPerStep = STEP_BYTES / pageSize;
        long ordinalCount = layout.ordinalCount();
        for (long first = 0; first < ordinalCount; first += pagesPerStep) {
            int count = (int) Math.min(pagesPerStep, ordinalCount - first);
            reader.records().copy(first, count, records.clear());
            MemorySegment bytes = step.asSlice(0, (long) count * pageSize);
            boolean read = read(first, bytes);
            for (int page = 0; page < count; page++) {
                MemorySegment one = bytes.asSlice((long) page * pageSize, pageSize);
                if (read || readAlone(first + page, one)) {
                    checkPage(first + page, page * PageRecords.RECORD_BYTES, one);
                }
            }
            checkShared(first, count);
            progress.at((first + count) * pageSize, ordinalCount * pageSize);
        }
    }

    /** Whether all of it could be read; if not, each page is tried alone. */
    private boolean read(long first, MemorySegment bytes) {
        try {
            reader.readOwnPages(first, bytes);
            return true;
        } catch (IOException e) {
            return false; // the page that fails will say why
        }
    }

    private boolean readAlone(long ordinal, MemorySegment bytes) {
        try {
            reader.readOwnPages(ordinal, bytes);
            return true;
        } catch (IOException e) {
            damaged(ordinal, "it cannot be read: " + e.getMessage());
            return false;
        }
    }

    private void checkPage(long ordinal, int record, MemorySegment bytes) {
        long code = records.getLong(record);
        long low = records.getLong(record + Long.BYTES);
        long high = records.getLong(record + 2 * Long.BYTES);
        if (code == PageKind.DATA.code()) {
            dataPages++;
            hasher.hash(bytes, 0, bytes.byteSize(), hash, 0);
            MemorySegment recorded =
                    MemorySegment.ofArray(records.array())
                            .asSlice(record + Long.BYTES, PageHash.BYTES);
            if (recorded.mismatch(hash) != -1) {
                damaged(ordinal, "its bytes do not have the recorded hash");
            }
            return;
        }
        if (code == PageKind.UNKNOWN.code() && !reader.locator().exists(ordinal)) {
            if (low != 0 || high != 0 || bytes.mismatch(zeros) != -1) {
                damaged(ordinal, "no page has this place in the page file, but it is not zero");
            }
            return;
        }
        if (code == PageKind.IN_PARENT.code() && reader.sharesPages()) {
            if (bytes.mismatch(zeros) != -1) {
                damaged(
                        ordinal,
                        "its place in the page file is not zero, though it is stored in the parent");
            }
            return;
        }
        if (code != PageKind.ZERO.code() && code != PageKind.LOST.code()) {
            damaged(
                    ordinal,
                    "the index says that it is of kind " + code + ", which no page of an image is");
            return;
        }
        if (low != 0 || high != 0) {
            damaged(ordinal, "the index has a hash for it, though nothing is stored");
        }
        if (bytes.mismatch(zeros) != -1) {
            damaged(ordinal, "its place in the page file is not zero, though nothing is stored");
        }
        if (code == PageKind.LOST.code()
                && !missing.cover(range(ordinal).start(), range(ordinal).end())) {
            damaged(ordinal, "it was lost, but is not in the list of what is missing");
        }
    }

    /** The pages of this step that the parent has, as they are there. */
    private void checkShared(long first, int count) throws IOException {
        int pageSize = layout.pageSizeBytes();
        boolean read = false;
        for (int page = 0; reader.sharesPages() && page < count; page++) {
            int record = page * PageRecords.RECORD_BYTES;
            if (records.getLong(record) != PageKind.IN_PARENT.code()) {
                continue;
            }
            if (!read) {
                reader.readPages(first, step.asSlice(0, (long) count * pageSize));
                read = true;
            }
            sharedPages++;
            hasher.hash(step, (long) page * pageSize, pageSize, hash, 0);
            MemorySegment recorded =
                    MemorySegment.ofArray(records.array())
                            .asSlice(record + Long.BYTES, PageHash.BYTES);
            if (recorded.mismatch(hash) != -1) {
                damaged(
                        first + page,
                        "its bytes, in the parent "
                                + reader.parent()
                                + ", do not have the recorded hash");
            }
        }
    }

    private void checkRoot() throws IOException {
        byte[] found = RootHash.of(layout, reader.missing(), reader.content());
        if (!Arrays.equals(found, reader.rootHash())) {
            HexFormat hex = HexFormat.of();
            damaged(
                    null,
                    "the root hash is %s, but the manifest says %s"
                            .formatted(hex.formatHex(found), hex.formatHex(reader.rootHash())));
        }
    }

    private void damaged(long ordinal, String problem) {
        if (!reader.locator().exists(ordinal)) {
            damaged(null, "place %d of the page file: %s".formatted(ordinal, problem));
            return;
        }
        String region = reader.locator().region(ordinal).name();
        damaged(new Verification.Page(ordinal, range(ordinal), region), problem);
    }

    private void damaged(Verification.@Nullable Page page, String problem) {
        damageCount++;
        if (damages.size() < Verification.MAX_LISTED) {
            damages.add(new Verification.Damage(page, problem));
        }
    }

    private AddressRange range(long ordinal) {
        long address = reader.locator().address(ordinal);
        return new AddressRange(address, address + layout.pageSizeBytes());
    }
}
