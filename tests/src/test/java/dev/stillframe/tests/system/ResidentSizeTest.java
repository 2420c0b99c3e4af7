package dev.stillframe.tests.system;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.engine.capture.InstantChoice;
import dev.stillframe.engine.capture.Snapshot;
import dev.stillframe.engine.page.DiscardingSink;
import dev.stillframe.tests.Seed;
import dev.stillframe.tests.target.Health;
import dev.stillframe.tests.target.HugePages;
import dev.stillframe.tests.target.OracleTarget;
import dev.stillframe.tests.target.OracleTarget.Settings;
import dev.stillframe.tests.target.ProcessFacts;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * A snapshot gives the target no memory that it did not have, splits no huge page, and leaves
 * nothing behind.
 */
@Timeout(180)
class ResidentSizeTest {
    private static final long SIZE_BYTES = 128L << 20;

    @ParameterizedTest
    @CsvSource({
        "anon,START", "thp,START", "memfd,START", "hugetlb,START",
        "anon,END", "thp,END", "memfd,END", "hugetlb,END"
    })
    void theTargetIsAsItWas(String memory, InstantChoice instant) throws Exception {
        try (HugePages _ = HugePages.reserve(memory.equals("hugetlb") ? SIZE_BYTES : 0);
                OracleTarget target =
                        OracleTarget.start(
                                Settings.of(memory, SIZE_BYTES, 2).withCounters(), Seed.value())) {
            Health before = Health.of(target);
            if (memory.equals("thp")) {
                assertThat(before.hugeKib())
                        .as("the kernel gives huge pages")
                        .isGreaterThan(SIZE_BYTES / 2 / 1024);
            }
            for (int turn = 0; turn < 3; turn++) {
                Snapshots.takeBetween(
                        target.pid(), new DiscardingSink(), Snapshot.Seams.NONE, instant);
                before.mustHoldFor(target);
            }
        }
    }

    /**
     * Reading a hole of shared memory allocates it, reading one of anonymous memory maps the zero
     * page.
     */
    @ParameterizedTest
    @CsvSource({"anon,START", "memfd,START", "anon,END", "memfd,END"})
    void holesStayHoles(String memory, InstantChoice instant) throws Exception {
        Settings mostlyHoles = Settings.of(memory, SIZE_BYTES, 1).withRate(20).withHoles();
        try (OracleTarget target = OracleTarget.start(mostlyHoles, Seed.value())) {
            ProcessFacts facts = new ProcessFacts(target.pid());
            long residentKib = facts.kibibytes("Rss");
            assertThat(residentKib).isLessThan(SIZE_BYTES / 4 / 1024);
            Snapshots.takeBetween(target.pid(), new DiscardingSink(), Snapshot.Seams.NONE, instant);
            assertThat(facts.kibibytes("Rss")).isLessThan(residentKib + SIZE_BYTES / 100 / 1024);
        }
    }
}
