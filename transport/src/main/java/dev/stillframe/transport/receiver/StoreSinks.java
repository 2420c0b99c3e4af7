package dev.stillframe.transport.receiver;

import dev.stillframe.engine.document.HeapAllowance;
import dev.stillframe.engine.image.ImageStore;
import dev.stillframe.engine.page.PageSink;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Images in a store on the disk, which survive cuts and the receiver's death.
 *
 * @param readable whether whoever can connect may also read what is there
 */
public record StoreSinks(ImageStore store, boolean readable) implements SinkFactory {
    /** Nobody may read. */
    public StoreSinks(ImageStore store) {
        this(store, false);
    }

    @Override
    public PageSink open(
            String imageName, byte[] sessionKey, @Nullable String parent, HeapAllowance heap)
            throws IOException {
        return parent == null
                ? store.createOrResume(imageName, sessionKey)
                : store.createOrResumeChild(imageName, sessionKey, parent, heap);
    }

    @Override
    public Optional<String> published(String imageName, byte[] rootHash) throws IOException {
        return store.find(imageName, rootHash).map(Path::toString);
    }

    @Override
    public Optional<Path> readable(String imageName) throws IOException {
        Path image = store.resolve(imageName);
        return readable && Files.isDirectory(image) ? Optional.of(image) : Optional.empty();
    }
}
