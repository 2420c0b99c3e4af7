package dev.stillframe.agent.cli;

import picocli.CommandLine.IVersionProvider;

/** What {@code --version} prints; the number is in the manifest of the jar. */
final class VersionText implements IVersionProvider {
    @Override
    public String[] getVersion() {
        String version = VersionText.class.getPackage().getImplementationVersion();
        return new String[] {
            "stillframe " + (version == null ? "(built from source)" : version),
            "Java "
                    + Runtime.version()
                    + ", "
                    + System.getProperty("os.name")
                    + " "
                    + System.getProperty("os.version")
        };
    }
}
