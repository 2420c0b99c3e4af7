package dev.stillframe.transport.receiver;

import dev.stillframe.engine.image.ImageStore;
import dev.stillframe.engine.page.PageSink;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;

/** Images in a store on the disk, which survive cuts and the receiver's death. */
public record StoreSinks(ImageStore store) implements SinkFactory {
    @Override
    public PageSink open(String imageName, byte[] sessionKey) throws IOException {
        return store.createOrResume(imageName, sessionKey);
    }

    @Override
    public Optional<String> published(String imageName, byte[] rootHash) throws IOException {
        return store.find(imageName, rootHash).map(Path::toString);
    }
}
