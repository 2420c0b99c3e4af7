package dev.stillframe.tests.system;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.engine.page.DiscardingSink;
import dev.stillframe.tests.Seed;
import dev.stillframe.tests.target.OracleTarget;
import dev.stillframe.tests.target.OracleTarget.Settings;
import dev.stillframe.tests.target.ProcessFacts;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * After a snapshot the target writes as before: its pages are mapped for writing, not repaired
 * fault by fault.
 */
@Timeout(120)
class WritableAfterwardsTest {
    private static final long SIZE_BYTES = 32L << 20;
    private static final long PAGES = SIZE_BYTES / 4096;

    /** So slow that few pages are written while the snapshot is taken, which would repair them. */
    private static final int WRITES_PER_SECOND = 4000;

    @ParameterizedTest
    @ValueSource(strings = {"anon", "memfd"})
    void writesFaultNoMore(String memory) throws Exception {
        Settings settings =
                Settings.of(memory, SIZE_BYTES, 1).withRate(WRITES_PER_SECOND).withCounters();
        try (OracleTarget target = OracleTarget.start(settings, Seed.value())) {
            ProcessFacts facts = new ProcessFacts(target.pid());
            Snapshots.take(target.pid(), new DiscardingSink());
            long faults = facts.minorFaults();
            long until = target.counters().writes() + PAGES; // every page once
            while (target.counters().writes() < until) {
                LockSupport.parkNanos(1_000_000);
            }
            assertThat(facts.minorFaults() - faults).isLessThan(PAGES / 10);
        }
    }
}
