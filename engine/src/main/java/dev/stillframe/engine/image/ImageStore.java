package dev.stillframe.engine.image;

import dev.stillframe.engine.document.HeapAllowance;
import dev.stillframe.engine.instant.PageKind;
import dev.stillframe.engine.instant.PageRecords;
import dev.stillframe.engine.page.DurableSink;
import dev.stillframe.engine.page.PageSink;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A directory of images, by names that may come from a hostile peer. Immutable; thread-safe. */
public final class ImageStore {
    private static final Logger LOG = LoggerFactory.getLogger(ImageStore.class);
    private static final Pattern NAME = Pattern.compile("[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}");
    private static final Pattern PARTIAL_NAME =
            Pattern.compile(NAME.pattern() + Pattern.quote(ImageFormat.PARTIAL) + "[0-9a-f]{8}");

    /** Of what becomes an image's new form; no name of an image begins with a dot. */
    private static final String WHOLE = ".whole";

    private static final Set<String> FILES =
            Set.of(ImageFormat.MANIFEST, ImageFormat.INDEX, ImageFormat.PAGES, ImageFormat.SESSION);

    private final Path directory;

    private ImageStore(Path directory) {
        this.directory = directory;
    }

    /**
     * What is in a store.
     *
     * @param name of the image, or of the directory of an unfinished one
     * @param published whether it is finished
     * @param storedBytes bytes of stored pages, index and manifest; up to twice that is taken on
     *     disk
     * @param instantEpochNanos T0, or null where it cannot be read, as of an unfinished image
     * @param problem why the entry cannot be read, or null
     */
    public record Entry(
            String name,
            boolean published,
            long storedBytes,
            @Nullable Long instantEpochNanos,
            @Nullable String problem) {}

    /**
     * Opens the store, making the directory (mode 0700) if it is not there.
     *
     * @throws IOException if it is not a directory or cannot be made
     */
    public static ImageStore open(Path directory) throws IOException {
        Path absolute = directory.toAbsolutePath().normalize();
        if (!Files.exists(absolute)) {
            Files.createDirectories(absolute, ImageFormat.privateDirectory());
        }
        if (!Files.isDirectory(absolute)) {
            throw new IOException(directory + " is not a directory: an image store has to be one");
        }
        return new ImageStore(absolute);
    }

    /** The directory. */
    public Path directory() {
        return directory;
    }

    /**
     * The place of the image called {@code name}, whether it exists or not; always directly in the
     * store.
     *
     * @throws ImageFormatException if that is no name: 1 to 128 letters, digits, dots, underscores
     *     and hyphens, no dot first and no {@code .partial-} inside
     */
    public Path resolve(String name) throws ImageFormatException {
        if (!NAME.matcher(name).matches() || name.contains(ImageFormat.PARTIAL)) {
            throw new ImageFormatException(
                    ("'%s' cannot be the name of an image: 1 to 128 of A-Z a-z 0-9 . _ - are "
                                    + "allowed, not beginning with a dot, not containing %s")
                            .formatted(printable(name), ImageFormat.PARTIAL));
        }
        return directory.resolve(name);
    }

    /**
     * A writer for an image that comes from elsewhere: everything is checked.
     *
     * @throws ImageFormatException if the name is not one
     * @throws IOException if there is such an image already
     */
    public PageSink create(String name) throws IOException {
        return ImageWriter.createVerifying(resolve(name));
    }

    /**
     * A writer for an image that comes from elsewhere, perhaps in several attempts; see {@link
     * ImageWriter#createOrResume}.
     */
    public DurableSink createOrResume(String name, byte[] key) throws IOException {
        return ImageWriter.createOrResume(resolve(name), key);
    }

    /**
     * The same as the child of an image of this store; see {@link ImageWriter#createOrResumeChild}.
     */
    public DurableSink createOrResumeChild(
            String name, byte[] key, String parentRootHash, HeapAllowance heap) throws IOException {
        return ImageWriter.createOrResumeChild(resolve(name), key, parentRootHash, heap);
    }

    /** Where the image called {@code name} is, if there is one and it has that root hash. */
    public Optional<Path> find(String name, byte[] rootHash) throws IOException {
        Path image = resolve(name);
        if (!Files.isDirectory(image)) {
            return Optional.empty();
        }
        return ImageReader.head(image).rootHash().equals(HexFormat.of().formatHex(rootHash))
                ? Optional.of(image)
                : Optional.empty();
    }

    /** All images, finished or not, by name; other things in the directory are left out. */
    public List<Entry> list() throws IOException {
        List<Entry> entries = new ArrayList<>();
        try (DirectoryStream<Path> stream = Files.newDirectoryStream(directory)) {
            for (Path path : stream) {
                String name = path.getFileName().toString();
                boolean partial = PARTIAL_NAME.matcher(name).matches();
                if (Files.isDirectory(path) && (partial || NAME.matcher(name).matches())) {
                    entries.add(partial ? partialEntry(name, path) : publishedEntry(name, path));
                }
            }
        }
        entries.sort(Comparator.comparing(Entry::name));
        return entries;
    }

    /** Names of the finished images that match, in order; none of them is read. */
    public List<String> names(Pattern pattern) throws IOException {
        List<String> names = new ArrayList<>();
        try (DirectoryStream<Path> stream = Files.newDirectoryStream(directory)) {
            for (Path path : stream) {
                String name = path.getFileName().toString();
                if (pattern.matcher(name).matches()
                        && !PARTIAL_NAME.matcher(name).matches()
                        && Files.exists(path.resolve(ImageFormat.MANIFEST))) {
                    names.add(name);
                }
            }
        }
        names.sort(Comparator.naturalOrder());
        return names;
    }

    /**
     * Gives an image all pages that it shares with its parents. Its root hash stays, so that others
     * go on sharing pages with it. If this is cut off, both forms of it are there.
     *
     * @throws IOException if a page is damaged or a parent is not there; the image is as it was
     */
    public void makeStandAlone(String name) throws IOException {
        Path image = resolve(name);
        Path whole = directory.resolve("." + name + WHOLE);
        deleteCutOff(whole.getFileName().toString());
        try (ImageReader reader = ImageReader.open(image)) {
            if (!reader.sharesPages()) {
                return;
            }
            ImageMerge.merge(reader, whole, ImageMerge.Progress.NONE);
        }
        Path parted = unnamed(name, image);
        Files.move(whole, image, StandardCopyOption.ATOMIC_MOVE);
        ImageFormat.force(directory);
        delete(parted);
    }

    /** Whatever an attempt to make an image whole has left, finished or not. */
    private void deleteCutOff(String whole) throws IOException {
        try (DirectoryStream<Path> left =
                Files.newDirectoryStream(
                        directory,
                        path -> {
                            String name = path.getFileName().toString();
                            return name.equals(whole)
                                    || name.startsWith(whole + ImageFormat.PARTIAL);
                        })) {
            for (Path each : left) {
                delete(each);
            }
        }
    }

    /**
     * Removes an image, finished or not. A finished one loses its name first, so that a
     * half-removed image is never taken for a whole one.
     *
     * @throws IOException if there is no such image, it cannot be removed, or another image of the
     *     store shares pages with it
     */
    public void remove(String name) throws IOException {
        if (!PARTIAL_NAME.matcher(name).matches()) {
            refuseParent(resolve(name));
        }
        removeAlone(name);
    }

    /** The same, also if others share pages with it, which cannot be read any more then. */
    public void removeAlone(String name) throws IOException {
        boolean partial = PARTIAL_NAME.matcher(name).matches();
        Path path = partial ? directory.resolve(name) : resolve(name);
        if (!Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS)) {
            throw new NoSuchFileException(path.toString(), null, "no image there");
        }
        refuseForeign(path);
        delete(partial ? path : unnamed(name, path));
    }

    private Path unnamed(String name, Path image) throws IOException {
        int random = ThreadLocalRandom.current().nextInt();
        Path unnamed =
                directory.resolve(name + ImageFormat.PARTIAL + HexFormat.of().toHexDigits(random));
        return Files.move(image, unnamed, StandardCopyOption.ATOMIC_MOVE);
    }

    private static void delete(Path image) throws IOException {
        for (String file : FILES) {
            Files.deleteIfExists(image.resolve(file));
        }
        Files.delete(image);
    }

    private void refuseParent(Path image) throws IOException {
        String rootHash = rootHash(image);
        if (rootHash == null) {
            return;
        }
        for (Entry entry : list()) {
            if (entry.published()
                    && entry.problem() == null
                    && rootHash.equals(
                            ImageReader.head(directory.resolve(entry.name())).parent())) {
                throw new IOException(
                        "%s is needed by %s, which shares pages with it: merge that first, remove it first, or use --force"
                                .formatted(image.getFileName(), entry.name()));
            }
        }
    }

    /** Null if it is none that can be read. */
    private static @Nullable String rootHash(Path image) {
        try {
            return ImageReader.head(image).rootHash();
        } catch (IOException e) {
            LOG.debug("{} cannot be a parent: it cannot be read", image, e);
            return null;
        }
    }

    private static void refuseForeign(Path path) throws IOException {
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(path)) {
            for (Path entry : entries) {
                if (!FILES.contains(entry.getFileName().toString())) {
                    throw new IOException(
                            entry + " does not belong to an image: move it away first");
                }
            }
        }
    }

    private static Entry publishedEntry(String name, Path path) {
        try (ImageReader reader = ImageReader.open(path)) {
            return new Entry(
                    name, true, storedBytes(path), reader.layout().instantEpochNanos(), null);
        } catch (IOException e) {
            LOG.debug("cannot read {}", path, e);
            return new Entry(name, true, 0, null, e.getMessage());
        }
    }

    private static Entry partialEntry(String name, Path path) {
        try {
            boolean begun = Files.exists(path.resolve(ImageFormat.INDEX));
            return new Entry(name, false, begun ? storedBytes(path) : 0, null, null);
        } catch (IOException e) {
            LOG.debug("cannot read {}", path, e);
            return new Entry(name, false, 0, null, e.getMessage());
        }
    }

    /** Counts the stored pages in the index, as Java does not tell the blocks of a sparse file. */
    private static long storedBytes(Path image) throws IOException {
        Path manifest = image.resolve(ImageFormat.MANIFEST);
        Path index = image.resolve(ImageFormat.INDEX);
        long stored = Files.size(index) + (Files.exists(manifest) ? Files.size(manifest) : 0);
        ByteBuffer records =
                ByteBuffer.allocate(4096 * PageRecords.RECORD_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        long pageSize = IndexHeader.pageSizeBytes(ImageReader.headerBytes(index));
        try (FileChannel channel = FileChannel.open(index, StandardOpenOption.READ)) {
            long position = ImageFormat.HEADER_BYTES;
            int got;
            while ((got = channel.read(records.clear(), position)) >= PageRecords.RECORD_BYTES) {
                int whole = got - got % PageRecords.RECORD_BYTES;
                for (int at = 0; at < whole; at += PageRecords.RECORD_BYTES) {
                    stored += records.getLong(at) == PageKind.DATA.code() ? pageSize : 0;
                }
                position += whole;
            }
        }
        return stored;
    }

    private static String printable(String name) {
        String shown = name.length() <= 160 ? name : name.substring(0, 160) + "...";
        return shown.replaceAll("[^\\x20-\\x7e]", "?");
    }
}
