package dev.stillframe.tests.fuzz;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.engine.image.ImageReader;
import dev.stillframe.engine.image.ImageVerifier;
import dev.stillframe.engine.image.Manifests;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.transport.receiver.Documents;
import dev.stillframe.transport.receiver.SessionReplay;
import dev.stillframe.transport.wire.Message;
import dev.stillframe.transport.wire.ProtocolException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Seeds are worth something only if they are right: a decoder that refuses them all is not tested.
 */
class SeedsTest {
    private static final Path KEPT = Path.of("src/test/resources/dev/stillframe/tests/fuzz");

    @Test
    void scriptsComeToTheEndOfASession() throws ProtocolException {
        try (Arena arena = Arena.ofShared()) {
            BatchBuffers buffers = new BatchBuffers(arena);
            for (byte[] seed : SessionFuzzTest.seeds().limit(2).toList()) {
                assertThat(isPublished(seed, buffers)).isTrue();
                buffers.checkAllReleased();
            }
        }
    }

    private static boolean isPublished(byte[] seed, BatchBuffers buffers) throws ProtocolException {
        Cursor cursor = new Cursor(seed);
        int pieces = cursor.next();
        byte[] stream = SessionScript.stream(cursor);
        try (PiecewiseReader reader = new PiecewiseReader(stream, buffers, pieces);
                SessionReplay session = new SessionReplay(false)) {
            Message message;
            while ((message = reader.next()) != null) {
                session.receive(message);
            }
            return session.isEnded();
        }
    }

    @Test
    void encodedBatchesCanBeDecoded() {
        List<Integer> batches =
                BatchDecoderFuzzTest.seeds().map(seed -> EncodedBatches.run(seed).size()).toList();
        assertThat(batches).containsExactly(2, 2, 2, 1, 1, 0, 0);
    }

    @Test
    void documentsCanBeRead() throws IOException {
        assertThat(Documents.layout(List.of(kept("LayoutFuzzTest", "full"))).pageCount())
                .isEqualTo(5);
        assertThat(Documents.layout(List.of(kept("LayoutFuzzTest", "plain"))).pageCount())
                .isEqualTo(3);
        assertThat(Documents.missing(List.of(kept("MissingFuzzTest", "two-entries")))).hasSize(2);
        assertThat(Manifests.again(kept("ManifestFuzzTest", "full"))).isNotEmpty();
        assertThat(Manifests.again(kept("ManifestFuzzTest", "plain"))).isNotEmpty();
    }

    @Test
    void theIntactImageReadsAsWritten(@TempDir Path directory) throws IOException {
        Path image = directory.resolve("image");
        SampleImage.in(directory).write(image, 7);
        assertThat(ImageVerifier.verify(image, ImageVerifier.Progress.NONE).damages()).isEmpty();
        try (ImageReader reader = ImageReader.open(image)) {
            AddressRange mapped = reader.layout().regions().getLast().range();
            MemorySegment into = MemorySegment.ofArray(new byte[(int) mapped.sizeBytes()]);
            assertThat(reader.read(mapped, into)).isEmpty();
            assertThat(into.get(ValueLayout.JAVA_BYTE, 0))
                    .as("a page of the image")
                    .isEqualTo((byte) 4);
            assertThat(into.get(ValueLayout.JAVA_BYTE, 2 * 4096))
                    .as("of the file")
                    .isEqualTo((byte) 1);
        }
    }

    private static byte[] kept(String test, String name) throws IOException {
        try (var files = Files.walk(KEPT.resolve(test + "Inputs"))) {
            Path file = files.filter(each -> each.endsWith(name)).findFirst().orElseThrow();
            return Files.readAllBytes(file);
        }
    }
}
