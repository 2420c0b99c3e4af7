package dev.stillframe.tests.fuzz;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;

/**
 * Inputs that fuzzing has found, in one archive for each fuzz test, named like it. What a run finds
 * anew lies in a folder beside it; named inputs, of things that went wrong once, stay there.
 */
final class Corpus {
    private Corpus() {}

    static Stream<byte[]> of(Class<?> test) {
        List<byte[]> inputs = new ArrayList<>();
        String archive = test.getSimpleName() + ".zip";
        try (InputStream file = test.getResourceAsStream(archive)) {
            if (file == null) {
                throw new IllegalStateException("no " + archive + " beside " + test.getName());
            }
            ZipInputStream entries = new ZipInputStream(file);
            for (ZipEntry entry = entries.getNextEntry();
                    entry != null;
                    entry = entries.getNextEntry()) {
                inputs.add(entries.readAllBytes());
            }
        } catch (IOException e) {
            throw new UncheckedIOException(archive, e);
        }
        return inputs.stream();
    }
}
