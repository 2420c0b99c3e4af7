package dev.stillframe.agent.cli;

import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.TypeConversionException;

/**
 * A size as it is typed: {@code 512M}, {@code 2G}, {@code 1048576}. Units are powers of 1024.
 * Immutable.
 *
 * @param bytes at least 0
 */
record ByteSize(long bytes) {
    private static final Pattern TYPED = Pattern.compile("(\\d+)([KMGT]?)(?:I?B)?");

    /**
     * Reads what was typed, in upper or lower case; {@code 512M}, {@code 512MB} and {@code 512MiB}
     * are the same.
     */
    static ByteSize parse(String typed) {
        Matcher matcher = TYPED.matcher(typed.toUpperCase(Locale.ROOT));
        if (!matcher.matches()) {
            throw new TypeConversionException("'" + typed + "' is not a size such as 512M or 2G");
        }
        try {
            long number = Long.parseLong(matcher.group(1));
            int shift = 10 * ("KMGT".indexOf(matcher.group(2)) + 1);
            return new ByteSize(
                    Math.multiplyExact(number, matcher.group(2).isEmpty() ? 1 : 1L << shift));
        } catch (NumberFormatException | ArithmeticException e) {
            throw new TypeConversionException("'" + typed + "' is larger than any memory");
        }
    }
}
