package dev.stillframe.agent.cli;

import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code --help} and {@code --version}, which every command has; picocli acts on them. */
@Command(versionProvider = VersionText.class)
@SuppressWarnings("UnusedVariable") // picocli reads them
final class StandardOptions {
    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            description = "Show this help.")
    private boolean help;

    @Option(
            names = {"-V", "--version"},
            versionHelp = true,
            description = "Show the version.")
    private boolean version;
}
