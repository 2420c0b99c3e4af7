package dev.stillframe.engine.image;

import dev.stillframe.engine.instant.Layout;
import dev.stillframe.engine.instant.Missing;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** Manifests as a reader of images reads them. */
public final class Manifests {
    private Manifests() {}

    /** Read, and written again. */
    public static byte[] again(byte[] manifest) throws IOException {
        return written(Manifest.decode(new ByteArrayInputStream(manifest), Path.of("manifest")));
    }

    /** A new one. */
    public static byte[] of(Layout layout, List<Missing> missing, String rootHash)
            throws IOException {
        return written(new Manifest(ImageFormat.VERSION, layout, null, missing, rootHash));
    }

    private static byte[] written(Manifest manifest) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        manifest.write(out);
        return out.toByteArray();
    }
}
