package dev.stillframe.agent.qemu;

import dev.stillframe.engine.image.ImageFormatException;
import dev.stillframe.engine.instant.Source;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * QEMU's command line as far as it is taken from an image, by {@link OptionRules}: shown to the
 * user, who decides. Immutable.
 *
 * @param words the program, found on this host, and its arguments
 * @param left what was replaced or left away, as it stood there
 */
public record StoredCommand(List<String> words, List<String> left) {
    /** Copies the lists. */
    public StoredCommand {
        words = List.copyOf(words);
        left = List.copyOf(left);
    }

    /**
     * Of the process that an image is of.
     *
     * @param program the user's choice; null to find one here by the name of the image's
     * @throws ImageFormatException if there is an option that is not taken and could not be left
     *     away
     */
    public static StoredCommand of(Source source, @Nullable Path program)
            throws ImageFormatException {
        List<String> words = new ArrayList<>();
        words.add(program == null ? QemuProgram.find(source) : program.toString());
        List<String> left = new ArrayList<>();
        OptionRules rules = new OptionRules();
        List<String> stored = source.arguments();
        for (int i = 1; i < stored.size(); i++) {
            boolean disk =
                    !stored.get(i).startsWith("-"); // qemu(1): a word alone is the first disk
            String option = disk ? "-hda" : stored.get(i).replaceFirst("^--", "-");
            boolean flag = OptionRules.isFlag(option.substring(1));
            String value = "";
            if (disk) {
                value = stored.get(i);
            } else if (!flag && ++i < stored.size()) {
                value = stored.get(i);
            }
            List<String> taken = taken(rules, option, value);
            List<String> was = flag ? List.of(option) : List.of(option, value);
            if (!taken.equals(was)) {
                left.add(new QemuArguments(was).line());
            }
            words.addAll(taken);
        }
        return new StoredCommand(words, left);
    }

    private static List<String> taken(OptionRules rules, String option, String value)
            throws ImageFormatException {
        OptionRules.Rule rule = rules.of(option.substring(1));
        if (rule == null) {
            throw refused(option + " is not taken from an image");
        }
        try {
            return rule.words(option, value);
        } catch (OptionRules.Refused e) {
            throw refused(
                    "%s is not taken from an image: %s"
                            .formatted(
                                    new QemuArguments(List.of(option, value)).line(),
                                    e.getMessage()));
        }
    }

    private static ImageFormatException refused(String what) {
        return new ImageFormatException(what + "; give QEMU's command line behind --");
    }

    /** As one types it in a shell. */
    public String line() {
        return new QemuArguments(words).line();
    }
}
