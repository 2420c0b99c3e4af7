package dev.stillframe.engine.image;

import dev.stillframe.engine.document.HeapAllowance;
import dev.stillframe.engine.instant.Layout;
import dev.stillframe.engine.instant.Missing;
import dev.stillframe.engine.instant.PageHash;
import dev.stillframe.engine.instant.PageKind;
import dev.stillframe.engine.instant.PageRecords;
import dev.stillframe.engine.memory.AddressRange;
import java.io.EOFException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Reads a published image. What is read of pages is checked against their hashes. Owned by one
 * thread, but for the values of the manifest.
 */
public final class ImageReader implements AutoCloseable {
    private static final int STEP_BYTES = 1 << 20;

    private final Path image;
    private final Manifest manifest;
    private final PageLocator locator;
    private final IndexFile index;
    private final PageFile pages;
    private final @Nullable Parent parent;
    private final StretchWalk stretches;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment step;
    private final MemorySegment hash = arena.allocate(PageHash.BYTES);
    private final PageHash hasher = new PageHash();
    private final ByteBuffer record =
            ByteBuffer.allocate(PageRecords.RECORD_BYTES).order(ByteOrder.LITTLE_ENDIAN);

    private ImageReader(
            Path image,
            Manifest manifest,
            IndexFile index,
            PageFile pages,
            @Nullable Parent parent) {
        this.parent = parent;
        this.image = image;
        this.manifest = manifest;
        this.locator = new PageLocator(manifest.layout());
        this.index = index;
        this.pages = pages;
        this.stretches =
                new StretchWalk(manifest.layout(), new MissingRanges(manifest.missing()), index);
        this.step = arena.allocate(STEP_BYTES, manifest.layout().pageSizeBytes());
    }

    /**
     * Opens an image and checks that its files belong together: versions, checksums of header and
     * manifest, lengths. The pages and their records are not looked at; {@link ImageVerifier} does
     * that.
     *
     * @throws ImageFormatException if this is no image, an unfinished or a damaged one; the message
     *     says which file, what was found and what was expected
     */
    public static ImageReader open(Path image) throws IOException {
        return open(image, List.of());
    }

    /**
     * The same of an image whose parents may be elsewhere than beside it.
     *
     * @param places directories with images, which are looked through after the image's own
     */
    public static ImageReader open(Path image, List<Path> places) throws IOException {
        return open(image, places(image, places), List.of(), HeapAllowance.ofThisProgram());
    }

    /**
     * The same for a program that lends heap to others, too; {@code heap} is asked for what the
     * image takes.
     */
    public static ImageReader open(Path image, HeapAllowance heap) throws IOException {
        return open(image, places(image, List.of()), List.of(), heap);
    }

    /** The same of an image that is to have a child, for which its chain must leave room. */
    static ImageReader openAsParent(Path image, Path child) throws IOException {
        return open(image, places(image, List.of()), List.of(child), HeapAllowance.ofThisProgram());
    }

    private static List<Path> places(Path image, List<Path> more) {
        List<Path> all = new ArrayList<>();
        Path beside = image.toAbsolutePath().normalize().getParent();
        if (beside != null) {
            all.add(beside);
        }
        all.addAll(more);
        return all;
    }

    /** As the parent of {@code younger}; its own parents are looked for in {@code places} only. */
    static ImageReader open(Path image, List<Path> places, List<Path> younger, HeapAllowance heap)
            throws IOException {
        Path indexPath = existing(image, ImageFormat.INDEX);
        IndexHeader header = header(image);
        Manifest manifest =
                Manifest.load(existing(image, ImageFormat.MANIFEST), header.manifestHash(), heap);
        Layout layout = manifest.layout();
        long ordinalCount = layout.ordinalCount();
        if (header.ordinalCount() != ordinalCount
                || header.pageSizeBytes() != layout.pageSizeBytes()) {
            throw new ImageFormatException(
                    "%s is for %d pages of %d bytes, the manifest for %d of %d"
                            .formatted(
                                    indexPath,
                                    header.ordinalCount(),
                                    header.pageSizeBytes(),
                                    ordinalCount,
                                    layout.pageSizeBytes()));
        }
        @Nullable PageFile pages = null;
        @Nullable IndexFile index = null;
        boolean done = false;
        try {
            pages = PageFile.openToRead(existing(image, ImageFormat.PAGES), layout.pageSizeBytes());
            index = IndexFile.open(indexPath, ordinalCount);
            Parent parent =
                    manifest.parent() == null
                            ? null
                            : new Parent(image, manifest.parent(), places, younger, heap);
            ImageReader reader = new ImageReader(image, manifest, index, pages, parent);
            done = true;
            return reader;
        } finally {
            if (!done) {
                close(pages, index);
            }
        }
    }

    private static void close(@Nullable PageFile pages, @Nullable IndexFile index)
            throws IOException {
        try (pages) {
            if (index != null) {
                index.close();
            }
        }
    }

    /** The header of the index, which agrees with the lengths of the files. */
    private static IndexHeader header(Path image) throws IOException {
        Path index = existing(image, ImageFormat.INDEX);
        existing(image, ImageFormat.MANIFEST);
        IndexHeader header = IndexHeader.decode(headerBytes(index), index);
        if (header.ordinalCount() < 0
                || header.ordinalCount() > ImageFormat.MAX_PAGE_COUNT
                || header.pageSizeBytes() < ImageFormat.MIN_PAGE_BYTES
                || header.pageSizeBytes() > ImageFormat.MAX_PAGE_BYTES) {
            throw new ImageFormatException(
                    "%s is for %d pages of %d bytes; at most %d pages of %d to %d bytes are possible"
                            .formatted(
                                    index,
                                    header.ordinalCount(),
                                    header.pageSizeBytes(),
                                    ImageFormat.MAX_PAGE_COUNT,
                                    ImageFormat.MIN_PAGE_BYTES,
                                    ImageFormat.MAX_PAGE_BYTES));
        }
        checkLength(index, ImageFormat.indexBytes(header.ordinalCount()));
        checkLength(
                existing(image, ImageFormat.PAGES), header.ordinalCount() * header.pageSizeBytes());
        return header;
    }

    /**
     * What tells an image from others, whatever the size of its manifest; it is checked as by
     * {@link #open}.
     */
    static Manifest.Head head(Path image) throws IOException {
        return Manifest.head(existing(image, ImageFormat.MANIFEST), header(image).manifestHash());
    }

    /** The instant without its pages. */
    public Layout layout() {
        return manifest.layout();
    }

    /** What the image lacks, by address; empty means complete. */
    public List<Missing> missing() {
        return manifest.missing();
    }

    /**
     * The root hash that the manifest states; {@link ImageVerifier} tells whether it is right. 32
     * bytes.
     */
    public byte[] rootHash() {
        return HexFormat.of().parseHex(manifest.rootHash());
    }

    /**
     * Root hash of the image that has the pages which are not stored here, in hexadecimal; null if
     * all are.
     */
    public @Nullable String parent() {
        return manifest.parent();
    }

    /** The directory. */
    public Path image() {
        return image;
    }

    /** The records of all pages as the root hash has them. */
    public PageRecords content() {
        return index.content();
    }

    /** The records of all pages as they are stored. */
    PageRecords records() {
        return index;
    }

    /** Whether pages of this image are stored in its parent, and are read from there. */
    public boolean sharesPages() {
        return parent != null;
    }

    /** Pages of this image that are stored in its parent. */
    public long sharedPages() throws IOException {
        long shared = 0;
        long ordinalCount = parent == null ? 0 : layout().ordinalCount();
        for (long ordinal = 0; ordinal < ordinalCount; ordinal++) {
            shared += index.kindCode(ordinal) == PageKind.IN_PARENT.code() ? 1 : 0;
        }
        return shared;
    }

    /** Opens all parents, so that none is found missing later. */
    void requireParents() throws IOException {
        if (parent != null) {
            parent.reader().requireParents();
        }
    }

    /**
     * Throws if the image is not where it was opened, with which pages that others share with it
     * would be lost.
     */
    void requireStillThere() throws IOException {
        try {
            if (head(image).rootHash().equals(manifest.rootHash())) {
                return;
            }
        } catch (IOException e) {
            throw gone(e);
        }
        throw gone(null);
    }

    private ParentMissingException gone(@Nullable IOException cause) {
        return new ParentMissingException(
                "the parent %s was removed meanwhile: begin again with everything".formatted(image),
                cause);
    }

    /** Whether the page at an address is data with that hash, here or in the parent. */
    boolean holds(long address, MemorySegment hashes, long offset) {
        long ordinal = locator.find(address);
        return ordinal >= 0 && index.has(ordinal, hashes, offset);
    }

    /**
     * The first page of a range that is not data with its hash, here or in the parent; {@code
     * count} if all are.
     */
    int firstUnlike(long address, int count, MemorySegment hashes) {
        int pageSize = layout().pageSizeBytes();
        for (int done = 0; done < count; ) {
            long ordinal = locator.find(address + (long) done * pageSize);
            if (ordinal < 0) {
                return done;
            }
            int part = (int) Math.min(count - done, locator.endOfExtent(ordinal) - ordinal);
            int unlike = index.firstUnlike(ordinal, part, hashes, (long) done * PageHash.BYTES);
            if (unlike < part) {
                return done + unlike;
            }
            done += part;
        }
        return count;
    }

    /**
     * What is known of a page.
     *
     * @throws ImageFormatException if the index is damaged there
     */
    public PageKind kind(long ordinal) throws IOException {
        locator.address(ordinal); // refuses what does not exist
        long code = index.kindCode(ordinal);
        if (code == PageKind.IN_PARENT.code() && parent != null) {
            return PageKind.DATA;
        }
        if (code < PageKind.ZERO.code() || code > PageKind.LOST.code()) {
            throw new ImageFormatException(
                    "the index of " + image + " says " + code + " of page " + ordinal);
        }
        return PageKind.of((int) code);
    }

    /**
     * What is known of the page at an address.
     *
     * @throws IllegalArgumentException if the image accounts for no page there
     */
    public PageKind kindAt(long address) throws IOException {
        long ordinal = locator.find(address);
        if (ordinal < 0) {
            throw new IllegalArgumentException(
                    "no page of " + image + " is at " + Long.toHexString(address));
        }
        return kind(ordinal);
    }

    /**
     * Memory that lies in a file as it was mapped.
     *
     * @param offsetBytes where it begins in {@code file}
     */
    public record Place(Path file, long offsetBytes) {}

    /**
     * Where a range lies in one piece in a file that can be mapped; null if it does not. The bytes
     * are not checked.
     */
    public @Nullable Place place(AddressRange range) {
        int pageSize = layout().pageSizeBytes();
        long first = locator.find(range.start());
        long last = locator.find(range.end() - 1);
        boolean whole = first >= 0 && last - first == (range.sizeBytes() - 1) / pageSize;
        return whole && parent == null && range.start() % pageSize == 0
                ? new Place(image.resolve(ImageFormat.PAGES).toAbsolutePath(), first * pageSize)
                : null;
    }

    /** The hash of a page, {@link PageHash#BYTES} bytes; all zero unless it is {@code DATA}. */
    public byte[] hash(long ordinal) throws IOException {
        index.copy(ordinal, 1, record.clear());
        return Arrays.copyOfRange(record.array(), Long.BYTES, PageRecords.RECORD_BYTES);
    }

    /**
     * Reads memory as it was at T0.
     *
     * @param range any addresses, not necessarily aligned
     * @param into receives {@code range.sizeBytes()} bytes from its beginning; zeros where the
     *     image has none
     * @return what the image does not have of the range, and why, in address order; empty if all
     *     was read
     * @throws ImageFormatException if a page is damaged; the message names it
     */
    public List<Missing> read(AddressRange range, MemorySegment into) throws IOException {
        MissingCollector lacking = new MissingCollector();
        stretches.walk(
                range,
                stretch -> {
                    AddressRange part = stretch.range();
                    MemorySegment target =
                            into.asSlice(part.start() - range.start(), part.sizeBytes());
                    switch (stretch) {
                        case Stretch.Stored _ -> readStored(part, target);
                        case Stretch.Zero _ -> target.fill((byte) 0);
                        case Stretch.FileBacked(_, Path file, long offset) ->
                                readFile(file, offset, target);
                        case Stretch.Unavailable(_, String reason) -> {
                            target.fill((byte) 0);
                            lacking.add(part, reason);
                        }
                    }
                });
        return lacking.entries();
    }

    /** What {@link #read} would return for the range, without reading any page. */
    public List<Missing> unavailable(AddressRange range) throws IOException {
        MissingCollector lacking = new MissingCollector();
        stretches.walk(
                range,
                stretch -> {
                    if (stretch instanceof Stretch.Unavailable(AddressRange part, String reason)) {
                        lacking.add(part, reason);
                    }
                });
        return lacking.entries();
    }

    /** Shows where the bytes of a range are. */
    void walk(AddressRange range, Stretch.Visitor visitor) throws IOException {
        stretches.walk(range, visitor);
    }

    PageLocator locator() {
        return locator;
    }

    /**
     * Reads whole pages, unchecked, also those that the parent has; {@code into} is aligned native
     * memory.
     */
    void readPages(long firstOrdinal, MemorySegment into) throws IOException {
        readOwnPages(firstOrdinal, into);
        if (parent == null) {
            return;
        }
        int pageSize = layout().pageSizeBytes();
        long count = into.byteSize() / pageSize;
        for (long page = 0; page < count; ) {
            if (index.kindCode(firstOrdinal + page) == PageKind.IN_PARENT.code()) {
                long pages =
                        readFromParent(
                                parent.reader(),
                                firstOrdinal + page,
                                into.asSlice(page * pageSize));
                page += pages;
            } else {
                page++;
            }
        }
    }

    /** The same without those that the parent has. */
    void readOwnPages(long firstOrdinal, MemorySegment into) throws IOException {
        pages.read(firstOrdinal * layout().pageSizeBytes(), into);
    }

    /** Reads as many pages as lie side by side in both images; how many. */
    private long readFromParent(ImageReader from, long firstOrdinal, MemorySegment into)
            throws IOException {
        int pageSize = layout().pageSizeBytes();
        long address = locator.address(firstOrdinal);
        long there = from.locator.find(address);
        if (there < 0) {
            throw new ImageFormatException(
                    "page %d (at %x) of %s is not stored there, nor in its parent %s"
                            .formatted(firstOrdinal, address, image, from.image));
        }
        long count = 1;
        long most = into.byteSize() / pageSize;
        while (count < most
                && index.kindCode(firstOrdinal + count) == PageKind.IN_PARENT.code()
                && locator.address(firstOrdinal + count) == address + count * pageSize
                && from.locator.find(address + count * pageSize) == there + count) {
            count++;
        }
        from.readPages(there, into.asSlice(0, count * pageSize));
        return count;
    }

    @Override
    public void close() throws IOException {
        try (index;
                pages;
                parent) {
            arena.close();
        }
    }

    private void readStored(AddressRange range, MemorySegment into) throws IOException {
        int pageSize = layout().pageSizeBytes();
        long address = range.start();
        long ordinal = locator.ordinal(address);
        while (address < range.end()) {
            long pageStart = address - address % pageSize;
            long bytes =
                    Math.min(
                            STEP_BYTES,
                            (range.end() - pageStart + pageSize - 1) / pageSize * pageSize);
            MemorySegment whole = step.asSlice(0, bytes);
            readPages(ordinal, whole);
            checkHashes(ordinal, whole);
            long until = Math.min(pageStart + bytes, range.end());
            MemorySegment.copy(
                    whole, address - pageStart, into, address - range.start(), until - address);
            address = until;
            ordinal += bytes / pageSize;
        }
    }

    private void checkHashes(long firstOrdinal, MemorySegment whole) throws IOException {
        int pageSize = layout().pageSizeBytes();
        for (long page = 0; page < whole.byteSize() / pageSize; page++) {
            hasher.hash(whole, page * pageSize, pageSize, hash, 0);
            index.copy(firstOrdinal + page, 1, record.clear());
            MemorySegment expected = MemorySegment.ofArray(record.array()).asSlice(Long.BYTES);
            if (expected.mismatch(hash) != -1) {
                long address = locator.address(firstOrdinal + page);
                throw new ImageFormatException(
                        "page %d (%s) of %s is damaged: its bytes do not have the hash that was recorded"
                                .formatted(
                                        firstOrdinal + page,
                                        new AddressRange(address, address + pageSize),
                                        image));
            }
        }
    }

    /** Reads a file that was mapped; behind its end, up to the end of the last page, are zeros. */
    private static void readFile(Path file, long offset, MemorySegment into) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            long inFile = Math.clamp(channel.size() - offset, 0, into.byteSize());
            for (long done = 0; done < inFile; ) {
                MemorySegment part = into.asSlice(done, Math.min(STEP_BYTES, inFile - done));
                int got = channel.read(part.asByteBuffer(), offset + done);
                if (got <= 0) {
                    throw new EOFException(file + " became shorter while it was read");
                }
                done += got;
            }
            into.asSlice(inFile).fill((byte) 0);
        }
    }

    private static Path existing(Path image, String name) throws IOException {
        Path file = image.resolve(name);
        if (!Files.isDirectory(image)) {
            throw new NoSuchFileException(image.toString(), null, "no image there");
        }
        if (!Files.isRegularFile(file)) {
            throw new ImageFormatException(
                    image + " is not a finished image: it has no file " + name);
        }
        return file;
    }

    private static void checkLength(Path file, long expected) throws IOException {
        long found = Files.size(file);
        if (found != expected) {
            throw new ImageFormatException(
                    "%s is %d bytes long, %d were expected: it is %s"
                            .formatted(
                                    file,
                                    found,
                                    expected,
                                    found < expected ? "truncated" : "not as it was written"));
        }
    }

    /** The header of an index as it is. */
    static byte[] headerBytes(Path file) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            ByteBuffer header = ByteBuffer.allocate(ImageFormat.HEADER_BYTES);
            while (header.hasRemaining()) {
                if (channel.read(header) < 0) {
                    throw new ImageFormatException(
                            "%s is %d bytes long; its header alone has %d: it is truncated"
                                    .formatted(file, header.position(), ImageFormat.HEADER_BYTES));
                }
            }
            return header.array();
        }
    }
}
