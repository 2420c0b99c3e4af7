package dev.stillframe.engine.image;

import dev.stillframe.engine.document.HeapAllowance;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
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
    private final int generation;
    private final HeapAllowance heap;
    private @Nullable ImageReader reader;

    /**
     * Of an image whose parent has that root hash.
     *
     * @param places directories to look in for it
     * @param generation how many images there are between it and the one that is read
     * @param heap asked for what it takes
     */
    Parent(Path child, String rootHash, List<Path> places, int generation, HeapAllowance heap) {
        this.child = child;
        this.rootHash = rootHash;
        this.places = places;
        this.generation = generation;
        this.heap = heap;
    }

    String rootHash() {
        return rootHash;
    }

    /**
     * The parent, open.
     *
     * @throws ImageFormatException if it is in none of the places
     */
    ImageReader reader() throws IOException {
        if (reader == null) {
            reader = find();
        }
        return reader;
    }

    private ImageReader find() throws IOException {
        if (generation >= MAX_CHAIN) {
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
        throw new ImageFormatException(
                "%s needs its parent, the image with root hash %s, which is not in %s: bring it there, or say where it is"
                        .formatted(child, rootHash, places));
    }

    private @Nullable ImageReader openIfIt(Path image) throws IOException {
        try {
            if (!ImageReader.head(image).rootHash().equals(rootHash)) {
                return null;
            }
        } catch (IOException e) {
            LOG.debug("{} is not the parent: it cannot be read", image, e);
            return null;
        }
        return ImageReader.open(image, places, generation + 1, heap);
    }

    @Override
    public void close() throws IOException {
        if (reader != null) {
            reader.close();
        }
    }
}
