package dev.stillframe.agent.doctor;

import dev.stillframe.agent.doctor.Readiness.Finding;
import java.util.List;

/** What the Java runtime says about itself. Stateless. */
final class JavaFindings {
    private static final int JAVA_LEAST = 25;

    List<Finding> all() {
        return List.of(
                java(Runtime.version().feature(), System.getProperty("java.vm.name", "unknown")),
                machine(
                        System.getProperty("os.name", "unknown"),
                        System.getProperty("os.arch", "unknown")));
    }

    static Finding java(int feature, String name) {
        String found = feature + " (" + name + ")";
        return feature >= JAVA_LEAST
                ? Finding.ok("Java", found)
                : Finding.fail(
                        "Java",
                        found,
                        "install JDK " + JAVA_LEAST + " or newer and set JAVA_HOME to it");
    }

    static Finding machine(String system, String architecture) {
        String found = system + " " + architecture;
        if (!system.equals("Linux")) {
            return Finding.fail("machine", found, "userfaultfd is a Linux call: run this on Linux");
        }
        return switch (architecture) {
            case "amd64" -> Finding.ok("machine", found);
            case "aarch64" ->
                    Finding.warn(
                            "machine",
                            found,
                            "aarch64 is in the tables but was never run: use x86-64");
            default -> Finding.fail("machine", found, "use x86-64");
        };
    }
}
