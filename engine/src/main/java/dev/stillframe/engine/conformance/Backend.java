package dev.stillframe.engine.conformance;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * What scenarios can be run on: the kernel, or the model under one of the rules of copy-on-write
 * that Linux had.
 */
public enum Backend {
    /** The kernel of this machine. */
    KERNEL,
    /** Linux up to 5.7. */
    PRE,
    /** Linux 5.8. */
    FORCED_WRITE,
    /** A change that was proposed in 2020, second version. */
    V2,
    /** The same, third version as it was meant. */
    V3,
    /** Linux 5.9 to 5.18. */
    PAGECOUNT,
    /** Linux from 5.19. */
    MODERN;

    /** Those that are not the kernel. */
    public static List<Backend> models() {
        return Arrays.stream(values()).filter(Backend::isModel).toList();
    }

    /** The backends of a name: {@code kernel}, {@code model} for all rules, or a rule. */
    public static Optional<List<Backend>> named(String name) {
        List<Backend> found =
                Arrays.stream(values()).filter(backend -> backend.isCalled(name)).toList();
        return found.isEmpty() ? Optional.empty() : Optional.of(found);
    }

    boolean isModel() {
        return this != KERNEL;
    }

    boolean isCalled(String name) {
        return label().equals(name) || isModel() && name.equals("model");
    }

    /** As it is written in scenarios and tables. */
    public String label() {
        return this == KERNEL ? name().toLowerCase(Locale.ROOT) : name();
    }
}
