package dev.stillframe.transport.receiver;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stillframe.transport.Seed;
import dev.stillframe.transport.wire.Limits;
import dev.stillframe.transport.wire.Message;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** However a document is written, it goes out in the parts that the protocol has. */
class PartStreamTest {
    private final Random random = Seed.random();

    @ParameterizedTest
    @ValueSource(
            ints = {
                1,
                Limits.PART_BYTES - 1,
                Limits.PART_BYTES,
                Limits.PART_BYTES + 1,
                3 * Limits.PART_BYTES
            })
    void thePartsAreTheDocument(int length) throws IOException {
        byte[] document = new byte[length];
        random.nextBytes(document);
        List<Message.Part> parts = new ArrayList<>();
        PartStream stream = new PartStream(length, parts::add);
        stream.write(document[0]);
        for (int at = 1; at < length; ) {
            int count = Math.min(length - at, 1 + random.nextInt(100_000));
            stream.write(document, at, count);
            at += count;
        }
        stream.finish();
        ByteArrayOutputStream whole = new ByteArrayOutputStream();
        for (Message.Part part : parts) {
            assertThat(part.totalBytes()).isEqualTo(length);
            assertThat(part.offset()).isEqualTo(whole.size());
            assertThat(part.bytes().length)
                    .isEqualTo(Math.min(Limits.PART_BYTES, length - whole.size()));
            whole.writeBytes(part.bytes());
        }
        assertThat(whole.toByteArray()).isEqualTo(document);
        assertThat(parts.getLast().isLast()).isTrue();
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 4})
    void anotherLengthThanWasSaidIsNotSilent(int said) throws IOException {
        PartStream stream = new PartStream(said, _ -> {});
        stream.write(new byte[3], 0, 3);
        assertThatThrownBy(stream::finish).isInstanceOf(IllegalStateException.class);
    }
}
