package dev.stillframe.tests.bench;

import dev.stillframe.engine.document.Json;
import dev.stillframe.tests.target.NativeProgram;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * What a benchmark found: printed as it comes, written to {@code tests/target/bench/NAME.json} at
 * the end.
 */
final class Figures {
    private final String benchmark;
    private final Map<String, Object> found = new LinkedHashMap<>();

    Figures(String benchmark) {
        this.benchmark = benchmark;
    }

    /** One number with its unit in its name, for instance {@code pause_ms_p95}. */
    void add(String name, double value) {
        found.put(name, Math.round(value * 1000) / 1000.0);
        System.out.printf(Locale.ROOT, "%-44s %,14.3f%n", name, value);
    }

    /** Median, 95th percentile and extremes of several values, and the values themselves. */
    void addAll(String name, List<Double> values) {
        add(name + "_median", quantile(values, 0.5));
        add(name + "_p95", quantile(values, 0.95));
        add(name + "_min", quantile(values, 0));
        add(name + "_max", quantile(values, 1));
        found.put(name, values.stream().map(value -> Math.round(value * 1000) / 1000.0).toList());
    }

    void write() throws IOException {
        Path directory = Files.createDirectories(NativeProgram.scratch().resolveSibling("bench"));
        Path file = directory.resolve(benchmark + ".json");
        Files.writeString(
                file,
                Json.MAPPER.writerWithDefaultPrettyPrinter().writeValueAsString(found) + "\n");
        System.out.println("written to " + file);
    }

    /** The smallest value that a {@code share} of the values does not exceed. */
    static double quantile(List<Double> values, double share) {
        double[] sorted = values.stream().mapToDouble(Double::doubleValue).sorted().toArray();
        if (sorted.length == 0) {
            throw new IllegalArgumentException("no values");
        }
        return sorted[
                Math.clamp((long) Math.ceil(share * sorted.length) - 1, 0, sorted.length - 1)];
    }
}
