package dev.stillframe.engine.image;

import dev.stillframe.engine.document.HeapAllowance;
import dev.stillframe.engine.document.Json;
import dev.stillframe.engine.instant.Ending;
import dev.stillframe.engine.instant.Layout;
import dev.stillframe.engine.instant.PageHash;
import dev.stillframe.engine.instant.PageKind;
import dev.stillframe.engine.instant.PageRecords;
import dev.stillframe.engine.instant.RootHash;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.memory.Extent;
import dev.stillframe.engine.memory.Region;
import dev.stillframe.engine.page.Checkpoint;
import dev.stillframe.engine.page.DurableSink;
import dev.stillframe.engine.page.PageBatch;
import dev.stillframe.engine.page.PageSink;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes an image directory. Everything goes into {@code NAME.partial-XXXXXXXX} beside the final
 * place; only {@link #finish} gives it its name, when every page is there, its hashes are right and
 * all is on the disk. A failure leaves the partial directory, for a person to look at or remove,
 * and nothing under the name.
 *
 * <p>Everything that arrives may come from a hostile peer. Owned by one thread, as {@link PageSink}
 * says.
 */
public final class ImageWriter implements DurableSink {
    private static final int RECORDS_PER_STEP = 4096;
    private static final Logger LOG = LoggerFactory.getLogger(ImageWriter.class);

    private final Path image;
    private final Path partial;
    private final boolean verify;
    private final @Nullable ImageJournal journal;
    private final @Nullable ImageReader parent;
    private @Nullable UnlikeParent unlike;
    private final PageHash hasher = new PageHash();
    private @Nullable ImageContents contents;
    private @Nullable String failure;

    /** Of the data pages of a batch, those of which something is known from before. */
    private final BitSet again = new BitSet();

    private int dataPages;
    private boolean sharesPages;
    private boolean closed;

    private ImageWriter(
            Path image,
            Path partial,
            boolean verify,
            @Nullable ImageJournal journal,
            @Nullable ImageReader parent) {
        this.image = image;
        this.partial = partial;
        this.verify = verify;
        this.journal = journal;
        this.parent = parent;
    }

    /**
     * A writer of pages that were hashed in this process; their hashes are stored, not computed
     * again.
     *
     * @param image where the image will be; its directory exists
     * @throws IOException if something is there already, or the directory cannot be written
     */
    public static ImageWriter create(Path image) throws IOException {
        return create(image, false);
    }

    /**
     * The same, but pages that {@code parent} has at the same addresses are not stored again: to
     * read them, the parent is needed, and whatever that needs itself.
     *
     * @param parent an image, looked up now and by its root hash when the new one is read
     */
    public static ImageWriter createChild(Path image, Path parent) throws IOException {
        Path target = checkedTarget(image);
        ImageReader reader = ImageReader.openAsParent(parent, target);
        boolean done = false;
        try {
            reader.requireParents();
            ImageWriter writer = new ImageWriter(target, makePartial(target), false, null, reader);
            done = true;
            return writer;
        } finally {
            if (!done) {
                reader.close();
            }
        }
    }

    /**
     * A writer of pages that came from elsewhere: like {@link #create}, but every page's hash is
     * checked.
     */
    public static ImageWriter createVerifying(Path image) throws IOException {
        return create(image, true);
    }

    /**
     * A writer of pages whose hashes have been checked on arrival, which can be taken up again: the
     * one that was begun here with the same key and neither finished nor removed, or a new one.
     *
     * @param key 32 bytes that only the rightful sender can cause
     * @throws IOException also if another process has it open
     */
    public static ImageWriter createOrResume(Path image, byte[] key) throws IOException {
        return createOrResume(checkedTarget(image), key, null);
    }

    /**
     * The same as the child of an image beside it; see {@link #createChild}.
     *
     * @param key also another one for another parent: what was checked against one must not be
     *     taken up with another
     * @param parentRootHash of the parent, 64 hexadecimal digits in lower case
     * @param heap asked for what the parent takes
     * @throws ParentMissingException if the parent is not there, or one that it needs itself
     */
    public static ImageWriter createOrResumeChild(
            Path image, byte[] key, String parentRootHash, HeapAllowance heap) throws IOException {
        Path target = checkedTarget(image);
        Parent parent =
                new Parent(target, parentRootHash, List.of(parent(target)), List.of(), heap);
        boolean done = false;
        try {
            ImageReader reader = parent.reader();
            reader.requireParents();
            ImageWriter writer = createOrResume(target, key, reader);
            done = true;
            return writer;
        } finally {
            if (!done) {
                parent.close();
            }
        }
    }

    private static ImageWriter createOrResume(Path target, byte[] key, @Nullable ImageReader parent)
            throws IOException {
        try (DirectoryStream<Path> partials =
                Files.newDirectoryStream(parent(target), path -> isPartialOf(target, path))) {
            for (Path partial : partials) {
                ImageJournal journal = ImageJournal.open(partial.resolve(ImageFormat.SESSION), key);
                if (journal != null) {
                    return new ImageWriter(target, partial, false, journal, parent);
                }
            }
        }
        Path partial = makePartial(target);
        ImageJournal journal = ImageJournal.create(partial.resolve(ImageFormat.SESSION), key);
        return new ImageWriter(target, partial, false, journal, parent);
    }

    private static boolean isPartialOf(Path target, Path path) {
        return path.getFileName().toString().startsWith(target.getFileName() + ImageFormat.PARTIAL);
    }

    private static ImageWriter create(Path image, boolean verify) throws IOException {
        Path target = checkedTarget(image);
        return new ImageWriter(target, makePartial(target), verify, null, null);
    }

    private static Path checkedTarget(Path image) throws IOException {
        Path target = image.toAbsolutePath();
        if (target.getFileName() == null || !Files.isDirectory(parent(target))) {
            throw new IOException(
                    "cannot make the image "
                            + image
                            + ": its directory does not exist; make it first");
        }
        refuseExisting(target);
        return target;
    }

    private static Path makePartial(Path target) throws IOException {
        // Eight digits, so that two writers of one name do not meet; not a secret.
        int random = ThreadLocalRandom.current().nextInt();
        Path partial =
                target.resolveSibling(
                        target.getFileName()
                                + ImageFormat.PARTIAL
                                + HexFormat.of().toHexDigits(random));
        return Files.createDirectory(partial, ImageFormat.privateDirectory());
    }

    /** Where the image is until it is finished. */
    public Path partial() {
        return partial;
    }

    @Override
    public void begin(Layout layout) throws IOException {
        if (contents != null || closed) {
            throw new IllegalStateException("begin came twice, or after close: " + partial);
        }
        failing(
                () -> {
                    if (parent != null
                            && parent.layout().pageSizeBytes() != layout.pageSizeBytes()) {
                        throw new ImageFormatException(
                                "the parent %s has pages of %d bytes, this image of %d"
                                        .formatted(
                                                parent.image(),
                                                parent.layout().pageSizeBytes(),
                                                layout.pageSizeBytes()));
                    }
                    if (journal == null) {
                        contents = ImageContents.create(partial, layout);
                    } else {
                        contents = begun(journal, layout);
                    }
                });
    }

    private ImageContents begun(ImageJournal known, Layout layout) throws IOException {
        byte[] digest = Json.digest(layout);
        if (known.last().hasLayout()) {
            ImageContents before = ImageContents.reopen(partial, layout);
            if (!Arrays.equals(known.last().layoutDigest(), digest)) { // amended, and then cut off
                before.force();
                known.begun(digest);
            }
            return before;
        }
        Files.deleteIfExists(partial.resolve(ImageFormat.INDEX)); // of an attempt that was cut off
        Files.deleteIfExists(partial.resolve(ImageFormat.PAGES));
        ImageContents fresh = ImageContents.create(partial, layout);
        fresh.force();
        ImageFormat.force(partial);
        known.begun(digest);
        return fresh;
    }

    @Override
    public void amend(Layout layout) throws IOException {
        ImageContents open = open();
        failing(
                () -> {
                    open.amend(layout);
                    if (journal != null) {
                        open.force();
                        journal.begun(Json.digest(layout));
                    }
                });
    }

    @Override
    public Checkpoint checkpoint() {
        return journal == null ? Checkpoint.START : journal.last().checkpoint();
    }

    /**
     * {@inheritDoc}
     *
     * @throws IllegalStateException if it was not made by {@link #createOrResume}
     */
    @Override
    public void checkpoint(Checkpoint reached) throws IOException {
        ImageContents open = open();
        if (journal == null) {
            throw new IllegalStateException(partial + " has no journal");
        }
        failing(
                () -> {
                    open.force();
                    journal.reached(reached);
                });
    }

    @Override
    public void suspend() {
        close();
    }

    /**
     * {@inheritDoc}
     *
     * @throws ImageFormatException if a page is outside the extents, its hash is wrong, or it is
     *     not in the parent though the batch says so
     * @throws IOException if it cannot be written; either way the image cannot be finished any more
     */
    @Override
    public void accept(PageBatch batch) throws IOException {
        try {
            ImageContents open = open();
            failing(
                    () -> {
                        again.clear();
                        dataPages = 0;
                        for (int run = 0; run < batch.runCount(); run++) {
                            record(open, batch, run);
                        }
                        open.gather.write(parent == null ? batch : unlike(parent, open, batch));
                    });
        } finally {
            batch.release();
        }
    }

    private PageBatch unlike(ImageReader known, ImageContents open, PageBatch batch)
            throws IOException {
        UnlikeParent view = unlike;
        if (view == null) {
            view = new UnlikeParent(known, open, batch);
            unlike = view;
        }
        view.look(batch, again);
        return view;
    }

    /** Root hash of the parent, if pages are there that are not here; it is still there. */
    private @Nullable String neededParent() throws IOException {
        if (parent == null || !sharesPages) {
            return null;
        }
        parent.requireStillThere();
        return hex(parent.rootHash());
    }

    /**
     * {@inheritDoc}
     *
     * @throws ImageFormatException if a page is not known, a lost page is not listed, or the root
     *     hash differs
     */
    @Override
    public String finish(Ending ending) throws IOException {
        ImageContents open = open();
        failing(
                () -> {
                    checkComplete(open, new MissingRanges(ending.missing()));
                    byte[] rootHash =
                            RootHash.of(open.layout, ending.missing(), open.index.content());
                    if (!Arrays.equals(rootHash, ending.rootHash())) {
                        throw new ImageFormatException(
                                "the root hash of %s is %s, but %s was announced"
                                        .formatted(partial, hex(rootHash), hex(ending.rootHash())));
                    }
                    Manifest manifest =
                            new Manifest(
                                    ImageFormat.VERSION,
                                    open.layout,
                                    neededParent(),
                                    ending.missing(),
                                    hex(rootHash));
                    open.complete(partial, manifest);
                    publish();
                });
        close();
        Files.deleteIfExists(image.resolve(ImageFormat.SESSION));
        return image.toString();
    }

    @Override
    public void abort(String reason) {
        if (failure == null && !closed) {
            failure = reason;
        }
        close();
    }

    @Override
    public void close() {
        if (closed) {
            return;
        }
        ImageContents open = contents;
        try {
            try (parent;
                    journal;
                    open) { // all of them: a journal that stays open keeps the image from being
                // taken up
                closed = true;
            }
            if (Files.isDirectory(partial) && isEmpty(partial)) {
                Files.delete(partial);
            }
        } catch (IOException | RuntimeException e) {
            LOG.warn("could not close {}", partial, e); // what was published is on the disk already
        }
    }

    private void record(ImageContents open, PageBatch batch, int run) throws IOException {
        long first = batch.firstOrdinal(run);
        long count = batch.pageCount(run);
        checkInOneExtent(open, first, count);
        switch (batch.kind(run)) {
            case ZERO, LOST -> {
                clearStored(open, first, count);
                open.index.record(first, count, batch.kind(run));
            }
            case DATA -> {
                checkData(open, batch, run);
                for (int page = 0; page < count; page++) {
                    again.set(
                            dataPages + page,
                            open.index.kindCode(first + page) != PageKind.UNKNOWN.code());
                }
                dataPages += Math.toIntExact(count);
                open.index.recordData(first, count, batch.hashes(run));
            }
            case IN_PARENT -> {
                checkInParent(open, first, Math.toIntExact(count), batch.hashes(run));
                clearStored(open, first, count);
                open.index.recordInParent(first, Math.toIntExact(count), batch.hashes(run));
            }
            case UNKNOWN ->
                    throw new ImageFormatException(describe(open, first) + " came as unknown");
        }
    }

    private void checkInParent(ImageContents open, long first, int count, MemorySegment hashes)
            throws ImageFormatException {
        if (parent == null) {
            throw new ImageFormatException(
                    describe(open, first)
                            + " is said to be in the parent, and this image has none: begin it as the child of one");
        }
        int unlike = parent.firstUnlike(open.locator.address(first), count, hashes);
        if (unlike < count) {
            throw new ImageFormatException(
                    "%s is said to be in the parent, but %s has something else there: begin again with everything"
                            .formatted(describe(open, first + unlike), parent.image()));
        }
    }

    private static void checkInOneExtent(ImageContents open, long first, long count)
            throws ImageFormatException {
        if (!open.locator.inOneExtent(first, count)) {
            throw new ImageFormatException(
                    "%d pages from %d are not inside one extent of the %d pages announced"
                            .formatted(count, first, open.layout.pageCount()));
        }
    }

    /** What an earlier round has stored of pages that hold nothing now. */
    private static void clearStored(ImageContents open, long first, long count) throws IOException {
        long pageSize = open.layout.pageSizeBytes();
        long end = first + count;
        for (long ordinal = open.index.nextStored(first, end);
                ordinal < end;
                ordinal = open.index.nextStored(ordinal + 1, end)) {
            open.pages.clear(ordinal * pageSize, pageSize);
        }
    }

    private void checkData(ImageContents open, PageBatch batch, int run)
            throws ImageFormatException {
        MemorySegment data = batch.data(run);
        MemorySegment hashes = batch.hashes(run);
        long pageSize = open.layout.pageSizeBytes();
        long count = batch.pageCount(run);
        if (data.byteSize() != count * pageSize || hashes.byteSize() != count * PageHash.BYTES) {
            throw new ImageFormatException(
                    "%d pages came with %d bytes and %d bytes of hashes"
                            .formatted(count, data.byteSize(), hashes.byteSize()));
        }
        for (long page = 0; verify && page < count; page++) {
            hasher.hash(data, page * pageSize, pageSize, open.hash, 0);
            MemorySegment announced = hashes.asSlice(page * PageHash.BYTES, PageHash.BYTES);
            if (announced.mismatch(open.hash) != -1) {
                throw new ImageFormatException(
                        describe(open, batch.firstOrdinal(run) + page)
                                + " does not have the hash that came with it");
            }
        }
    }

    private void checkComplete(ImageContents open, MissingRanges missing) throws IOException {
        ByteBuffer records =
                ByteBuffer.allocate(RECORDS_PER_STEP * PageRecords.RECORD_BYTES)
                        .order(ByteOrder.LITTLE_ENDIAN);
        for (Region region : open.layout.regions()) {
            for (Extent extent : region.extents()) {
                checkComplete(open, extent, missing, records);
            }
        }
    }

    private void checkComplete(
            ImageContents open, Extent extent, MissingRanges missing, ByteBuffer records)
            throws IOException {
        for (long first = extent.firstOrdinal();
                first < extent.endOrdinal();
                first += RECORDS_PER_STEP) {
            int count = (int) Math.min(RECORDS_PER_STEP, extent.endOrdinal() - first);
            records.clear();
            open.index.copy(first, count, records);
            for (int page = 0; page < count; page++) {
                long code = records.getLong(page * PageRecords.RECORD_BYTES);
                if (code == PageKind.UNKNOWN.code()) {
                    throw new ImageFormatException(describe(open, first + page) + " never came");
                }
                sharesPages |= code == PageKind.IN_PARENT.code();
                if (code == PageKind.LOST.code()) {
                    long address = open.locator.address(first + page);
                    if (!missing.cover(address, address + open.layout.pageSizeBytes())) {
                        throw new ImageFormatException(
                                describe(open, first + page)
                                        + " is lost, but not in the list of what is missing");
                    }
                }
            }
        }
    }

    private void publish() throws IOException {
        Path directory = parent(image);
        ImageFormat.force(partial);
        refuseExisting(image);
        Files.move(partial, image, StandardCopyOption.ATOMIC_MOVE);
        try {
            ImageFormat.force(directory);
        } catch (IOException e) {
            Files.move(
                    image,
                    partial,
                    StandardCopyOption.ATOMIC_MOVE); // the name must mean: on the disk
            throw e;
        }
    }

    private ImageContents open() throws IOException {
        if (failure != null) {
            throw new IOException(partial + " failed before: " + failure);
        }
        if (contents == null || closed) {
            throw new IllegalStateException("not between begin and close: " + partial);
        }
        return contents;
    }

    /**
     * Writes something after whose failure nothing more may be added and the image is never
     * published.
     */
    private void failing(Writing writing) throws IOException {
        boolean done = false;
        try {
            writing.run();
            done = true;
        } catch (IOException | RuntimeException e) {
            failure = String.valueOf(e.getMessage());
            throw e;
        } finally {
            if (!done && failure == null) {
                failure = "an error of the virtual machine";
            }
        }
    }

    private static String describe(ImageContents open, long ordinal) {
        long address = open.locator.address(ordinal);
        return "page %d (%s)"
                .formatted(
                        ordinal, new AddressRange(address, address + open.layout.pageSizeBytes()));
    }

    private static void refuseExisting(Path image) throws IOException {
        if (Files.exists(image, LinkOption.NOFOLLOW_LINKS)) {
            throw new IOException(
                    image + " exists already: choose another name or remove it first");
        }
    }

    private static boolean isEmpty(Path directory) throws IOException {
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory)) {
            return !entries.iterator().hasNext();
        }
    }

    private static Path parent(Path absolute) throws IOException {
        Path parent = absolute.getParent();
        if (parent == null) {
            throw new IOException(absolute + " cannot be the name of an image");
        }
        return parent;
    }

    private static String hex(byte[] bytes) {
        return HexFormat.of().formatHex(bytes);
    }

    @FunctionalInterface
    private interface Writing {
        void run() throws IOException;
    }
}
