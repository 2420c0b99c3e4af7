package dev.stillframe.tests.target;

import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * The command that runs a class of the tests in a JVM of its own, with the flags of this one.
 * Stateless.
 */
public final class JavaCommand {
    private JavaCommand() {}

    /** For a class with a {@code main}. */
    public static List<String> of(Class<?> main, List<String> flags, List<String> arguments) {
        List<String> command = new ArrayList<>();
        command.add(home().resolve("bin/java").toString());
        ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
                .filter(flag -> flag.startsWith("--"))
                .forEach(command::add);
        command.addAll(flags);
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), main.getName()));
        command.addAll(arguments);
        return command;
    }

    /** Where the JDK is that runs this. */
    public static Path home() {
        return Path.of(System.getProperty("java.home"));
    }
}
