package dev.stillframe.tests.system;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.tests.Seed;
import dev.stillframe.tests.oracle.OracleCheck;
import dev.stillframe.tests.target.OracleTarget;
import dev.stillframe.tests.target.OracleTarget.Settings;
import dev.stillframe.tests.target.ProcessFacts;
import dev.stillframe.tests.target.Signals;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The oracle can fail: memory that is read without protection is not one instant, that of a stopped
 * process is.
 */
@Timeout(120)
class PlainReadTest {
    private static final long SIZE_BYTES = 64L << 20;
    private static final int ATTEMPTS = 20;

    @ParameterizedTest
    @CsvSource({"anon,1", "anon,2", "thp,8", "memfd,1"})
    void plainlyReadMemoryOfABusyWriterIsNotOneInstant(String memory, int threads)
            throws Exception {
        try (OracleTarget target =
                OracleTarget.start(Settings.of(memory, SIZE_BYTES, threads), Seed.value())) {
            for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
                if (read(target).isPresent()) {
                    return;
                }
            }
        }
        throw new AssertionError(
                ATTEMPTS + " plain reads of memory in use all looked like one instant");
    }

    @ParameterizedTest
    @CsvSource({"anon,1,true", "thp,2,true", "memfd,8,true", "anon,3,false"})
    void memoryOfAStoppedProcessIsOneInstant(String memory, int threads, boolean filled)
            throws Exception {
        Settings settings = Settings.of(memory, SIZE_BYTES, threads);
        try (OracleTarget target =
                OracleTarget.start(filled ? settings : settings.withHoles(), Seed.value())) {
            for (int turn = 0; turn < 5; turn++) {
                Signals.stop(target.pid());
                assertThat(read(target)).isEmpty();
                Signals.send("CONT", target.pid());
            }
        }
    }

    @Test
    void writersWithARateGoOn() throws Exception {
        Settings settings = Settings.of("anon", SIZE_BYTES, 2).withRate(2_000).withCounters();
        try (OracleTarget target = OracleTarget.start(settings, Seed.value())) {
            long before = target.counters().writes();
            Signals.await("1,000 writes", () -> target.counters().writes() >= before + 1_000);
        }
    }

    private static Optional<String> read(OracleTarget target) throws IOException {
        byte[] bytes =
                new ProcessFacts(target.pid()).memory(target.region().start(), (int) SIZE_BYTES);
        return OracleCheck.deviation(target.shape(), MemorySegment.ofArray(bytes));
    }
}
