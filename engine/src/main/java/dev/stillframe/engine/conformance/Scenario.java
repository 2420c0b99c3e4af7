package dev.stillframe.engine.conformance;

import java.util.List;
import java.util.Map;

/**
 * One scenario. Immutable.
 *
 * @param id unique in its set
 * @param title what it shows
 * @param file where it is from
 * @param line where it begins
 * @param kernelOnly why only the kernel can run it; empty if others can too
 * @param needsZeroPage whether it says what only a kernel does that maps the zero page where a hole
 *     is read
 * @param failsUnder rules of copy-on-write that must fail it, and why
 * @param steps its lines
 */
public record Scenario(
        String id,
        String title,
        String file,
        int line,
        String kernelOnly,
        boolean needsZeroPage,
        Map<String, String> failsUnder,
        List<Step> steps) {
    /** Copies what it is given. */
    public Scenario {
        failsUnder = Map.copyOf(failsUnder);
        steps = List.copyOf(steps);
    }
}
