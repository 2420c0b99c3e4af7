package dev.stillframe.tests.fuzz;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.util.Arrays;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Changes of an image's files, as an input tells them. */
final class ImageEdits {
    private static final Pattern NUMBER = Pattern.compile("(?<=: )-?\\d+");
    private static final int MAX_EDITS = 16;
    private static final int MAX_FILE_BYTES = 1 << 16;

    private ImageEdits() {}

    /** Makes the changes; the bits of the files that are still there. */
    static int apply(Cursor input, SampleImage image) {
        int present = 7;
        for (int edit = 0; edit < MAX_EDITS && input.hasMore(); edit++) {
            int action = input.next();
            int file = action % 3;
            if (action / 3 % 6 == 5) {
                present &= ~(1 << file);
            } else {
                byte[] changed = changed(image.files[file], action / 3 % 6, input);
                image.files[file] =
                        Arrays.copyOf(changed, Math.min(changed.length, MAX_FILE_BYTES));
            }
        }
        return present;
    }

    private static byte[] changed(byte[] file, int action, Cursor input) {
        if (action == 4) {
            return withNumber(file, input);
        }
        int at = Math.min(input.nextShort(), file.length);
        byte[] bytes = input.nextBytes(input.next() % 32);
        return switch (action) {
            case 0 -> replaced(file, at, Math.min(at + bytes.length, file.length), bytes);
            case 1 -> replaced(file, at, at, bytes);
            case 2 -> replaced(file, at, Math.min(at + input.next(), file.length), bytes);
            default -> Arrays.copyOf(file, at);
        };
    }

    /** One of the numbers of a text becomes another one. */
    private static byte[] withNumber(byte[] file, Cursor input) {
        Matcher numbers = NUMBER.matcher(new String(file, ISO_8859_1));
        int chosen = input.next();
        MatchResult found = numbers.results().skip(chosen).findFirst().orElse(null);
        if (found == null) {
            return file;
        }
        int shift = input.next() % 64;
        long number = (short) input.nextShort() + (1L << shift);
        byte[] text = Long.toString(number).getBytes(ISO_8859_1);
        return replaced(file, found.start(), found.end(), text);
    }

    private static byte[] replaced(byte[] file, int from, int to, byte[] by) {
        byte[] result = new byte[from + by.length + file.length - to];
        System.arraycopy(file, 0, result, 0, from);
        System.arraycopy(by, 0, result, from, by.length);
        System.arraycopy(file, to, result, from + by.length, file.length - to);
        return result;
    }
}
