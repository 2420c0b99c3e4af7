package dev.stillframe.tests.fuzz;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import com.fasterxml.jackson.core.JsonProcessingException;
import dev.stillframe.engine.document.Json;
import dev.stillframe.engine.instant.Layout;
import dev.stillframe.transport.receiver.Documents;
import java.io.IOException;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.MethodSource;

/** Layouts from a sender. */
class LayoutFuzzTest {
    private static final Budget BUDGET = new Budget(512 << 10, 256, Duration.ofSeconds(1));

    /** What fuzzing has found, each of a path of its own. */
    static Stream<byte[]> found() {
        return Corpus.of(LayoutFuzzTest.class);
    }

    @MethodSource("found")
    @FuzzTest
    void aLayoutOrAJsonException(byte[] document) throws IOException {
        Target.run(document);
    }

    /** Apart, because the signatures of the test itself are loaded early. */
    private static final class Target {
        static void run(byte[] document) throws IOException {
            Layout layout;
            try {
                layout = BUDGET.spend(document.length, () -> Documents.layout(List.of(document)));
            } catch (JsonProcessingException e) {
                return; // the session says DOCUMENT; to any other exception something else
            }
            assertThat(layout.pageCount()).isNotNegative();
            byte[] encoded = Json.MAPPER.writeValueAsBytes(layout);
            int middle = encoded.length / 2;
            List<byte[]> parts =
                    List.of(
                            Arrays.copyOf(encoded, middle),
                            Arrays.copyOfRange(encoded, middle, encoded.length));
            assertThat(Json.MAPPER.writeValueAsBytes(Documents.layout(parts))).isEqualTo(encoded);
        }
    }
}
