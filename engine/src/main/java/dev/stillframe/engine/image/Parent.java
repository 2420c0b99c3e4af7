package dev.stillframe.engine.image;

import dev.stillframe.engine.document.HeapAllowance;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The image that has the pages which an image shares with it; looked for when the first of them is
 * read. Owned by one thread.
 */
final class Parent implements AutoCloseable {
    /** Longer chains are merged first: every page may be looked for in each. */
    static final int MAX_CHAIN = 64;

    private static final Logger LOG = LoggerFactory.getLogger(Parent.class);

    private final Path child;
    private final String rootHash;
    private final List<Path> places;
    private final List<Path> younger;
    private final HeapAllowance heap;
    private @Nullable ImageReader reader;

    /**
     * Of an image whose parent has that root hash.
     *
     * @param places directories to look in for it
     * @param younger the images between it and the one that is read, and that one: none of them is
     *     it, even where all are of one instant and have one root hash
     * @param heap asked for what it takes
     */
    Parent(Path child, String rootHash, List<Path> places, List<Path> younger, HeapAllowance heap) {
        this.child = child;
        this.rootHash = rootHash;
        this.places = places;
        this.younger = new ArrayList<>(younger);
        this.younger.add(child);
        this.heap = heap;
    }

    String rootHash() {
        return rootHash;
    }

    /**
     * The parent, open.
     *
     * @throws ParentMissingException if it is in none of the places
     */
    ImageReader reader() throws IOException {
        if (reader == null) {
            reader = find();
        }
        return reader;
    }

    private ImageReader find() throws IOException {
        if (younger.size() > MAX_CHAIN) {
            throw new ImageFormatException(
                    "%s has more than %d images before it; merge them".formatted(child, MAX_CHAIN));
        }
        for (Path place : places) {
            try (DirectoryStream<Path> entries =
                    Files.newDirectoryStream(
                            place, e -> Files.exists(e.resolve(ImageFormat.MANIFEST)))) {
                for (Path entry : entries) {
                    ImageReader found = openIfIt(entry);
                    if (found != null) {
                        return found;
                    }
                }
            }
        }
        throw new ParentMissingException(
                "%s needs its parent, the image with root hash %s, which is not in %s: bring it there, or say where it is"
                        .formatted(child, rootHash, places),
                null);
    }

    private @Nullable ImageReader openIfIt(Path image) throws IOException {
        try {
            if (!ImageReader.head(image).rootHash().equals(rootHash) || isYounger(image)) {
                return null;
            }
        } catch (IOException e) {
            LOG.debug("{} is not the parent: it cannot be read", image, e);
            return null;
        }
        return ImageReader.open(image, places, younger, heap);
    }

    private boolean isYounger(Path image) throws IOException {
        for (Path each : younger) {
            if (Files.exists(each) && Files.isSameFile(each, image)) {
                return true;
            }
        }
        return false;
    }

    @Override
    public void close() throws IOException {
        if (reader != null) {
            reader.close();
        }
    }
}
