package dev.stillframe.agent.qemu;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;

import dev.stillframe.engine.page.Machine;

import org.jspecify.annotations.Nullable;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * QEMU's command line for a machine that comes from an image: the user's, with the memory taken from a file. Immutable.
 * Source: qemu(1), {@code -object memory-backend-file}.
 *
 * @param words the program and its arguments
 */
record QemuArguments(List<String> words) {
    private static final JsonMapper JSON = new JsonMapper();

    /** Options of a backend that say where memory comes from, or would have all of it read. */
    private static final Set<String> OF_ITS_MEMORY =
            Set.of("id", "size", "share", "mem-path", "prealloc", "prealloc-threads", "hugetlb", "hugetlbsize", "seal",
                    "discard-data", "readonly", "offset", "reserve", "qom-type");

    private static final Pattern ID = Pattern.compile("(?:^|,)id=([^,]*)");

    QemuArguments {
        words = List.copyOf(words);
    }

    /**
     * Where a block's memory comes from.
     *
     * @param file what to map; null for memory of its own, which is filled from outside
     * @param shared whether writes of the guest go to the file
     */
    record Backing(Machine.Block block, @Nullable Path file, boolean shared) {}

    /** With {@code backing}'s block from its file, in place of what the user's arguments say of it. */
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
                            "memory-backend=" + backing.block().name()));
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
        return word.matches("[A-Za-z0-9_./:=,@%+-]+") ? word : "'" + word.replace("'", "'\\''") + "'";
    }

    private static boolean isOption(String word, String option) {
        return word.equals("-" + option) || word.equals("--" + option);
    }

    private static String object(Backing backing, String before) {
        StringBuilder text =
                new StringBuilder(backing.file() == null ? "memory-backend-memfd,id=" : "memory-backend-file,id=")
                        .append(backing.block().name())
                        .append(",size=")
                        .append(backing.block().range().sizeBytes());
        if (backing.file() != null) {
            text.append(",mem-path=").append(backing.file().toString().replace(",", ",,"));
        }
        text.append(",share=").append(backing.shared() ? "on" : "off");
        if (!before.startsWith("{")) {
            for (String property : before.split(",(?!,)", -1)) {
                int equals = property.indexOf('=');
                if (equals > 0 && !OF_ITS_MEMORY.contains(property.substring(0, equals))) {
                    text.append(',').append(property);
                }
            }
        }
        return text.toString();
    }

    private static @Nullable String id(String object) {
        if (object.startsWith("{")) {
            try {
                JsonNode id = JSON.readTree(object).path("id");
                return id.isTextual() ? id.asText() : null;
            } catch (JsonProcessingException e) {
                return null; // QEMU will say what is wrong with it
            }
        }
        Matcher id = ID.matcher(object);
        return id.find() ? id.group(1) : null;
    }
}
