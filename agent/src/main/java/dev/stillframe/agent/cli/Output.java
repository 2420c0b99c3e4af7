package dev.stillframe.agent.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.json.JsonWriteFeature;
import dev.stillframe.engine.document.Json;
import java.io.PrintWriter;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/**
 * The options that every command has, and where its facts go: standard output. Owned by the
 * command's thread.
 */
final class Output {
    /** Read by logback.xml; set before the first logger is made. */
    private static final String LOG_LEVEL = "stillframe.log.level";

    @Spec(Spec.Target.MIXEE)
    private @Nullable CommandSpec command;

    @Option(names = "--json", description = "Print the facts as one JSON object, for scripts.")
    private boolean json;

    private boolean verbose;

    @Option(names = "--verbose", description = "Log to standard error what is being done.")
    void setVerbose(boolean verbose) {
        this.verbose = verbose;
        System.setProperty(LOG_LEVEL, verbose ? "DEBUG" : "WARN");
    }

    boolean isJson() {
        return json;
    }

    boolean isVerbose() {
        return verbose;
    }

    /** Prints the facts in the form that was asked for. */
    void facts(Object facts, List<String> lines) {
        if (json) {
            print(writers().out(), toJson(facts));
        } else {
            lines.forEach(this::line);
        }
    }

    /** One line on standard output, harmless for a terminal whatever is in it. */
    void line(String line) {
        print(writers().out(), Printable.of(line));
    }

    /** One line on standard error, likewise. */
    void note(String line) {
        print(writers().err(), Printable.of(line));
    }

    private static void print(PrintWriter writer, String line) {
        writer.println(line);
        writer.flush();
    }

    /**
     * In ASCII, because the terminal's commands are not JSON's alone: some stand behind its
     * letters.
     */
    static String toJson(Object facts) {
        try {
            return Json.MAPPER
                    .writer()
                    .with(JsonWriteFeature.ESCAPE_NON_ASCII)
                    .writeValueAsString(facts);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("cannot be written as JSON: " + facts, e);
        }
    }

    private Writers writers() {
        if (command == null) {
            throw new IllegalStateException("not part of a command");
        }
        return new Writers(command.commandLine().getOut(), command.commandLine().getErr());
    }

    private record Writers(PrintWriter out, PrintWriter err) {}
}
