package dev.stillframe.agent.cli;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.MissingParameterException;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.TypeConversionException;
import picocli.CommandLine.UnmatchedArgumentException;

/**
 * What is wrong with a command line, said of what is missing rather than of what was found in its
 * place. Stateless.
 */
final class WrongUsage {
    private static final String PID = "--pid";

    private WrongUsage() {}

    /** In one line, without the command's name. */
    static String describe(ParameterException failure) {
        ArgSpec lacking = lacking(failure);
        if (lacking != null) {
            return "the %s is missing (is a variable empty?)".formatted(value(lacking));
        }
        if (failure instanceof UnmatchedArgumentException unmatched
                && !unmatched.isUnknownOption()) {
            return surplus(unmatched);
        }
        return Failure.describe(failure);
    }

    /** A file's name; what is empty would be the working directory. */
    static Path path(String typed) {
        if (typed.isEmpty()) {
            throw new TypeConversionException("'' names no file");
        }
        return Path.of(typed);
    }

    /**
     * What was given without its value, by a next option in its place, by the end of the line, or
     * by an empty word.
     */
    private static @Nullable ArgSpec lacking(ParameterException failure) {
        if (failure instanceof MissingParameterException missing
                && missing.getMissing().size() == 1) {
            ArgSpec only = missing.getMissing().getFirst();
            return lacksValue(failure) ? only : null;
        }
        return "".equals(failure.getValue()) ? failure.getArgSpec() : null;
    }

    /** Picocli has one exception for an option that is missing and for one without its value. */
    private static boolean lacksValue(ParameterException failure) {
        String message = String.valueOf(failure.getMessage());
        return message.startsWith("Expected parameter ")
                || message.startsWith("Missing required parameter for option");
    }

    private static String value(ArgSpec argument) {
        return argument instanceof OptionSpec option
                ? option.paramLabel() + " of " + option.longestName()
                : argument.paramLabel();
    }

    private static String surplus(UnmatchedArgumentException failure) {
        String word = failure.getUnmatched().getFirst();
        boolean ofProcess = failure.getCommandLine().getCommandSpec().findOption(PID) != null;
        return ofProcess && word.matches("[0-9]+")
                ? "'%s' stands alone: a process is named by %s %s, one for each image"
                        .formatted(word, PID, word)
                : "'%s' is one word too much".formatted(word);
    }
}
