package dev.stillframe.agent.cli;

import java.time.Duration;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.TypeConversionException;

/** Durations as they are typed: {@code 500us}, {@code 5ms}, {@code 30s}, {@code 2m}. Stateless. */
final class TypedDuration {
    private static final Pattern TYPED = Pattern.compile("(\\d{1,9})(us|ms|s|m|h|d)");

    private TypedDuration() {}

    static Duration parse(String typed) {
        Matcher matcher = TYPED.matcher(typed);
        if (!matcher.matches()) {
            throw new TypeConversionException(
                    "'" + typed + "' is not a time such as 5ms, 30s, 2m or 1h");
        }
        long number = Long.parseLong(matcher.group(1));
        return switch (matcher.group(2)) {
            case "us" -> Duration.ofNanos(number * 1000);
            case "ms" -> Duration.ofMillis(number);
            case "s" -> Duration.ofSeconds(number);
            case "m" -> Duration.ofMinutes(number);
            case "h" -> Duration.ofHours(number);
            default -> Duration.ofDays(number);
        };
    }
}
