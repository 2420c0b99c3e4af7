package dev.stillframe.agent.doctor;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Whether snapshots will work on this machine, with these privileges, and what to change if not.
 * Stateless.
 */
public final class Readiness {
    private Readiness() {}

    /** How a finding bears on snapshots. */
    public enum Status {
        /** As it should be. */
        OK,
        /** Snapshots work, but not all of them or not as well as they could. */
        WARN,
        /** No snapshot will work until this is changed. */
        FAIL
    }

    /**
     * One thing that was looked at. Immutable.
     *
     * @param name what it is, in a word or two
     * @param status how it bears on snapshots
     * @param found what was found, with its value
     * @param remedy what to change; empty if there is nothing to change
     */
    public record Finding(String name, Status status, String found, String remedy) {
        /** A finding that needs a remedy has one. */
        public Finding {
            if (status != Status.OK && remedy.isEmpty()) {
                throw new IllegalArgumentException(name + " is " + status + " and has no remedy");
            }
        }

        /** Nothing to change. */
        static Finding ok(String name, String found) {
            return new Finding(name, Status.OK, found, "");
        }

        /** Works, with a limit that {@code remedy} lifts. */
        static Finding warn(String name, String found, String remedy) {
            return new Finding(name, Status.WARN, found, remedy);
        }

        /** In the way until {@code remedy} is done. */
        static Finding fail(String name, String found, String remedy) {
            return new Finding(name, Status.FAIL, found, remedy);
        }
    }

    /**
     * Looks at everything that a snapshot needs. Changes nothing; takes some milliseconds. What
     * cannot be read is a finding, not an exception.
     */
    public static List<Finding> check() {
        List<Finding> findings = new ArrayList<>(new JavaFindings().all());
        findings.addAll(new ProcFindings(Path.of("/proc"), Path.of("/sys")).all());
        findings.addAll(new KernelFindings().all());
        return List.copyOf(findings);
    }

    /** Whether snapshots will work: no finding is in the way. */
    public static boolean isReady(List<Finding> findings) {
        return findings.stream().noneMatch(finding -> finding.status() == Status.FAIL);
    }
}
