package dev.stillframe.tests.target;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.SortedMap;
import java.util.concurrent.locks.LockSupport;

/**
 * What must be the same in a process before a snapshot and after it, however the snapshot ended:
 * descriptors, mappings, threads with their signal masks and tracers, memory; and that it goes on
 * working. Immutable.
 *
 * @param mappings of {@code /proc/PID/maps}
 * @param descriptors of {@code /proc/PID/fd}
 * @param signals of every thread
 * @param residentKib {@code Rss} and hugetlb pages
 * @param hugeKib {@code AnonHugePages}
 * @param writesPerSecond of an oracle with counters
 */
public record Health(
        List<String> mappings,
        SortedMap<String, String> descriptors,
        SortedMap<String, String> signals,
        long residentKib,
        long hugeKib,
        double writesPerSecond) {
    private static final Duration WINDOW = Duration.ofMillis(50);

    /** The state of a process now. */
    public static Health of(OracleTarget target) throws IOException {
        ProcessFacts facts = new ProcessFacts(target.pid());
        return new Health(
                facts.mappings(),
                facts.descriptors(),
                facts.signals(),
                resident(facts),
                facts.kibibytes("AnonHugePages"),
                rate(target));
    }

    /**
     * Fails unless {@code target} is as it was; what the kernel releases in its own time is waited
     * for.
     */
    public void mustHoldFor(OracleTarget target) throws Exception {
        ProcessFacts facts = new ProcessFacts(target.pid());
        assertThat(target.process().isAlive()).as("target lives").isTrue();
        Signals.await("half of the rate before", () -> rate(target) > writesPerSecond / 2);
        Signals.await("no mapping is protected", () -> facts.protectedMappings().isEmpty());
        Signals.await(
                "the same threads, untraced: " + signals, () -> facts.signals().equals(signals));
        assertThat(facts.mappings()).isEqualTo(mappings);
        assertThat(facts.descriptors()).isEqualTo(descriptors);
        assertThat(resident(facts))
                .as("resident KiB")
                .isBetween(residentKib * 99 / 100, residentKib * 101 / 100);
        assertThat(facts.kibibytes("AnonHugePages")).as("huge KiB").isEqualTo(hugeKib);
    }

    /** Pages of a hugetlb pool are no part of {@code Rss}. */
    private static long resident(ProcessFacts facts) throws IOException {
        return facts.kibibytes("Rss")
                + facts.kibibytes("Private_Hugetlb")
                + facts.kibibytes("Shared_Hugetlb");
    }

    /** Writes a second over a short while. */
    private static double rate(OracleTarget target) {
        long before = target.counters().writes();
        long started = System.nanoTime();
        LockSupport.parkNanos(WINDOW.toNanos());
        return (target.counters().writes() - before) * 1e9 / (System.nanoTime() - started);
    }
}
