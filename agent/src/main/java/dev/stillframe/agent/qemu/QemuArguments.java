package dev.stillframe.agent.qemu;

import dev.stillframe.engine.instant.MachineState;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * QEMU's command line for a machine that comes from an image: the user's, with the memory taken
 * from a file. Immutable. Source: qemu(1), {@code -object memory-backend-file}.
 *
 * @param words the program and its arguments
 */
record QemuArguments(List<String> words) {
    private static final String TYPE = "qom-type";

    /** Options of a backend that say where memory comes from, or would have all of it read. */
    private static final Set<String> OF_ITS_MEMORY =
            Set.of(
                    "id",
                    "size",
                    "share",
                    "mem-path",
                    "prealloc",
                    "prealloc-threads",
                    "hugetlb",
                    "hugetlbsize",
                    "seal",
                    "discard-data",
                    "readonly",
                    "offset",
                    "reserve",
                    TYPE);

    QemuArguments {
        words = List.copyOf(words);
    }

    /**
     * Where a block's memory comes from.
     *
     * @param file what to map; null for memory of its own, which is filled from outside
     * @param shared whether writes of the guest go to the file
     */
    record Backing(MachineState.Block block, @Nullable Path file, boolean shared) {}

    /**
     * With {@code backing}'s block from its file, in place of what the user's arguments say of it.
     */
    QemuArguments mapping(Backing backing) {
        List<String> result = new ArrayList<>();
        boolean replaced = false;
        for (int i = 0; i < words.size(); i++) {
            boolean option = i + 1 < words.size() && isOption(words.get(i), "object");
            result.add(words.get(i));
            if (option) {
                i++;
                boolean same = backing.block().name().equals(id(words.get(i)));
                result.add(same ? object(backing, words.get(i)) : words.get(i));
                replaced |= same;
            }
        }
        if (!replaced) { // memory of -m alone: QEMU's own backend, by its name
            result.addAll(
                    List.of(
                            "-object",
                            object(backing, ""),
                            "-machine",
                            "memory-backend=" + OptionText.quoted(backing.block().name())));
        }
        return new QemuArguments(result);
    }

    /** With {@code more} at the end. */
    QemuArguments with(String... more) {
        List<String> result = new ArrayList<>(words);
        result.addAll(List.of(more));
        return new QemuArguments(result);
    }

    /** Without an option and its value, wherever it stands. */
    QemuArguments without(String option) {
        List<String> result = new ArrayList<>();
        for (int i = 0; i < words.size(); i++) {
            if (isOption(words.get(i), option)) {
                i++;
            } else {
                result.add(words.get(i));
            }
        }
        return new QemuArguments(result);
    }

    /** Without an option that has no value. */
    QemuArguments withoutFlag(String option) {
        return new QemuArguments(words.stream().filter(word -> !isOption(word, option)).toList());
    }

    /** As one types it in a shell. */
    String line() {
        return String.join(" ", words.stream().map(QemuArguments::quoted).toList());
    }

    private static String quoted(String word) {
        return word.matches("[A-Za-z0-9_./:=,@%+-]+")
                ? word
                : "'" + word.replace("'", "'\\''") + "'";
    }

    private static boolean isOption(String word, String option) {
        return word.equals("-" + option) || word.equals("--" + option);
    }

    private static String object(Backing backing, String before) {
        List<OptionText.Property> properties = new ArrayList<>();
        properties.add(new OptionText.Property("id", backing.block().name()));
        properties.add(
                new OptionText.Property(
                        "size", Long.toString(backing.block().range().sizeBytes())));
        if (backing.file() != null) {
            properties.add(new OptionText.Property("mem-path", backing.file().toString()));
        }
        properties.add(new OptionText.Property("share", backing.shared() ? "on" : "off"));
        OptionText old = OptionText.parse(before, TYPE);
        if (old != null) {
            old.properties().stream()
                    .filter(p -> !OF_ITS_MEMORY.contains(p.key()))
                    .forEach(properties::add);
        }
        return new OptionText(
                        backing.file() == null ? "memory-backend-memfd" : "memory-backend-file",
                        properties)
                .text();
    }

    private static @Nullable String id(String object) {
        OptionText parsed = OptionText.parse(object, TYPE);
        return parsed == null ? null : parsed.value("id");
    }
}
