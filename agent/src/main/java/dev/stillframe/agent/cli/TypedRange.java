package dev.stillframe.agent.cli;

import dev.stillframe.engine.memory.AddressRange;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.TypeConversionException;

/**
 * Address ranges as they are typed: {@code 7f00a000-7f00c000}, with or without {@code 0x}.
 * Stateless.
 */
final class TypedRange {
    private static final Pattern TYPED =
            Pattern.compile("(?:0[xX])?([0-9a-fA-F]+)-(?:0[xX])?([0-9a-fA-F]+)");

    private TypedRange() {}

    static AddressRange parse(String typed) {
        Matcher matcher = TYPED.matcher(typed);
        try {
            if (matcher.matches()) {
                return new AddressRange(
                        Long.parseLong(matcher.group(1), 16), Long.parseLong(matcher.group(2), 16));
            }
        } catch (IllegalArgumentException e) {
            throw new TypeConversionException(
                    "'" + typed + "' is not a range: its end must be above its start");
        }
        throw new TypeConversionException(
                "'" + typed + "' is not a range such as 7f00a000-7f00c000");
    }
}
