package dev.stillframe.tests.bench;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Values of one figure after the other, turn by turn, until they are shown. */
final class Samples {
    private final Map<String, List<Double>> values = new LinkedHashMap<>();

    void add(String name, double value) {
        values.computeIfAbsent(name, any -> new ArrayList<>()).add(value);
    }

    void showIn(Figures figures) {
        values.forEach(figures::addAll);
    }
}
