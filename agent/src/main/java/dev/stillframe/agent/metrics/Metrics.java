package dev.stillframe.agent.metrics;

import io.micrometer.core.instrument.Measurement;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tag;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.StreamSupport;

/** Makes the registry and shows what is in it. Stateless. */
public final class Metrics {
    private Metrics() {}

    /** A registry that counts in memory. Whoever makes it closes it. */
    public static MeterRegistry create() {
        return new SimpleMeterRegistry();
    }

    /**
     * One line a meter, by name: {@code stillframe.pause.seconds{mode=start} total=0.004 count=1}.
     */
    public static List<String> describe(MeterRegistry registry) {
        return registry.getMeters().stream()
                .sorted(Comparator.comparing((Meter meter) -> meter.getId().getName()))
                .map(Metrics::describe)
                .toList();
    }

    private static String describe(Meter meter) {
        String tags =
                meter.getId().getTags().stream()
                        .map((Tag tag) -> tag.getKey() + "=" + tag.getValue())
                        .collect(Collectors.joining(",", "{", "}"));
        return StreamSupport.stream(meter.measure().spliterator(), false)
                .map(Metrics::describe)
                .collect(Collectors.joining(" ", meter.getId().getName() + tags + " ", ""));
    }

    private static String describe(Measurement measurement) {
        String name = measurement.getStatistic().name().toLowerCase(Locale.ROOT);
        return String.format(Locale.ROOT, "%s=%.6g", name, measurement.getValue());
    }
}
