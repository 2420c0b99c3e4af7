package dev.stillframe.engine.image;

import dev.stillframe.engine.page.Layout;
import dev.stillframe.engine.page.Missing;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** Manifests as a reader of images reads them. */
public final class Manifests {
    private Manifests() {}

    /** Read, and written again. */
    public static byte[] again(byte[] manifest) throws IOException {
        return Manifest.decode(manifest, Path.of("manifest")).encode();
    }

    /** A new one. */
    public static byte[] of(Layout layout, List<Missing> missing, String rootHash)
            throws IOException {
        return new Manifest(ImageFormat.VERSION, layout, null, missing, rootHash).encode();
    }
}
