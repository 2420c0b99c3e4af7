package dev.stillframe.agent.cli;

import dev.stillframe.agent.doctor.Readiness;
import dev.stillframe.agent.doctor.Readiness.Finding;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code stillframe doctor}. */
@Command(
        name = "doctor",
        description = {
            "Check whether snapshots will work here, and say what to change if not.",
            "",
            "Looks at the kernel, its userfaultfd, the privileges of this user, limits and memory."
                    + " Changes nothing. The exit code is 0 if snapshots will work and 1 if something"
                    + " is in the way."
        },
        footer = {
            "",
            "Examples:",
            "  stillframe doctor",
            "  sudo stillframe doctor --store /data/images",
            "  stillframe doctor --json",
            "  sudo stillframe doctor --conformance --html conformance.html",
            "  sudo stillframe doctor --conformance --scenario mine.txt --backend kernel --backend MODERN"
        })
final class DoctorCommand implements Callable<Integer> {
    private final Supplier<List<Finding>> readiness;

    @Mixin private Output output = new Output();

    @Option(
            names = "--store",
            paramLabel = "DIR",
            description =
                    "Also check this directory as a place for images: free space, direct I/O.")
    private @Nullable Path store;

    @ArgGroup(exclusive = false, heading = "%nConformance:%n")
    private @Nullable ConformanceCheck conformance;

    DoctorCommand(Supplier<List<Finding>> readiness) {
        this.readiness = readiness;
    }

    /** What JSON shows. */
    record Facts(boolean ready, String arenas, List<Finding> findings) {}

    @Override
    public Integer call() throws IOException, Failure {
        if (conformance != null) {
            return conformance.run(output);
        }
        List<Finding> findings = new ArrayList<>(readiness.get());
        if (store != null) {
            findings.addAll(new StoreCheck(store).findings());
        }
        boolean ready = Readiness.isReady(findings);
        output.facts(
                new Facts(ready, ready ? "native" : "emulated", findings), lines(findings, ready));
        return ready ? ExitCode.DONE : ExitCode.FAILED;
    }

    private static List<String> lines(List<Finding> findings, boolean ready) {
        Rows rows = new Rows();
        for (Finding finding : findings) {
            rows.add(mark(finding) + " " + finding.name(), finding.found());
            if (!finding.remedy().isEmpty()) {
                rows.add("", "-> " + finding.remedy());
            }
        }
        List<String> lines = new ArrayList<>(rows.lines());
        lines.add("");
        lines.add(
                ready
                        ? "Snapshots will work here."
                        : "Snapshots will not work until what FAILs above is changed.");
        lines.add(
                ready
                        ? "Arenas of Java programs: native, which costs nothing between snapshots, or"
                                + " emulated, which stops no thread for them."
                        : "Arenas of Java programs: emulated, which needs none of this.");
        return lines;
    }

    private static String mark(Finding finding) {
        return switch (finding.status()) {
            case OK -> "ok  ";
            case WARN -> "WARN";
            case FAIL -> "FAIL";
        };
    }
}
