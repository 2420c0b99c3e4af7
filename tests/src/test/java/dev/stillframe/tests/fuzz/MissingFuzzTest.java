package dev.stillframe.tests.fuzz;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import com.fasterxml.jackson.core.JsonProcessingException;
import dev.stillframe.engine.document.Json;
import dev.stillframe.engine.instant.Missing;
import dev.stillframe.transport.receiver.Documents;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.MethodSource;

/** Lists of what is missing from a sender. */
class MissingFuzzTest {
    private static final Budget BUDGET = new Budget(512 << 10, 256, Duration.ofSeconds(1));

    /** What fuzzing has found, each of a path of its own. */
    static Stream<byte[]> found() {
        return Corpus.of(MissingFuzzTest.class);
    }

    @MethodSource("found")
    @FuzzTest
    void aListOrAJsonException(byte[] document) throws IOException {
        List<Missing> missing;
        try {
            missing = BUDGET.spend(document.length, () -> Documents.missing(List.of(document)));
        } catch (JsonProcessingException e) {
            return; // the session says DOCUMENT; to any other exception something else
        }
        assertThat(missing).doesNotContainNull();
        byte[] encoded = Json.MAPPER.writeValueAsBytes(missing);
        assertThat(Documents.missing(List.of(encoded))).isEqualTo(missing);
    }
}
