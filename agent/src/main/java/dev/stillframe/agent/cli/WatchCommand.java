package dev.stillframe.agent.cli;

import com.fasterxml.jackson.annotation.JsonUnwrapped;
import dev.stillframe.agent.job.Courtesy;
import dev.stillframe.agent.job.Parts;
import dev.stillframe.agent.job.SnapshotTaker;
import dev.stillframe.agent.job.Watch;
import dev.stillframe.agent.job.Watched;
import dev.stillframe.agent.metrics.Metrics;
import dev.stillframe.engine.capture.InstantChoice;
import dev.stillframe.engine.capture.Progress;
import dev.stillframe.engine.capture.SnapshotReport;
import dev.stillframe.engine.image.ImageStore;
import io.micrometer.core.instrument.MeterRegistry;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code stillframe watch}. */
@Command(
        name = "watch",
        description = {
            "Take images of a running process again and again, until stopped (Ctrl-C). Between two of"
                    + " them the kernel goes on marking what the process writes, so that each reads"
                    + " and stores only that.",
            "",
            "Each page that the process writes costs it a few microseconds once after each image. The"
                    + " images are named by their time (UTC); each is whole together with those before"
                    + " it, which are in the same directory. The oldest are merged away. Images of an"
                    + " earlier watch of that name are gone on from.",
            "",
            "When an image fails, the reason is said on standard error, and the next is taken at its"
                    + " time; when the process ends, so does the command, with exit code 1."
        },
        footer = {
            "",
            "With --json, one object a line: event image, failed or removed.",
            "",
            "Examples:",
            "  stillframe watch --pid 4711 --every 10m --out /data/redis --keep 24",
            "  stillframe watch --pid \"$(pgrep -o redis-server)\" --every 1m --times 5 --out images"
        })
final class WatchCommand implements Callable<Integer> {
    private final Parts parts;

    @Spec private @Nullable CommandSpec spec;
    @Mixin private Output output = new Output();

    @Option(names = "--pid", paramLabel = "PID", required = true, description = "The process.")
    private int pid;

    @Option(
            names = "--every",
            paramLabel = "TIME",
            required = true,
            description = "From the beginning of one image to that of the next, 10m for instance.")
    private Duration every = Duration.ZERO;

    @Option(
            names = "--out",
            paramLabel = "DIR",
            required = true,
            description = "Directory for the images; it is made if it does not exist.")
    private Path out = Path.of("");

    @Option(
            names = "--name",
            paramLabel = "NAME",
            description =
                    "What the names of the images begin with (default: what the process is called).")
    private @Nullable String name;

    @Option(
            names = "--keep",
            paramLabel = "N",
            defaultValue = "24",
            description =
                    "How many images to keep, 1 to 64 (default: ${DEFAULT-VALUE}). An older one is"
                            + " merged into the next, which takes a copy of the whole memory.")
    private int keep;

    @Option(
            names = "--times",
            paramLabel = "N",
            defaultValue = "0",
            description = "Stop after so many images (default: never).")
    private int times;

    @Mixin private CaptureOptions capture = new CaptureOptions();

    WatchCommand(Parts parts) {
        this.parts = parts;
    }

    /** A line of JSON for an image. */
    record TakenFact(String event, @JsonUnwrapped SnapshotFacts snapshot) {}

    /** A line of JSON for one that did not come about. */
    record FailedFact(String event, String reason) {}

    /** A line of JSON for one that was merged away. */
    record RemovedFact(String event, String image) {}

    @Override
    public Integer call() throws Exception {
        MeterRegistry registry = Metrics.create();
        SnapshotTaker.Setting setting = setting(registry);
        Telling telling = new Telling();
        Watch.Plan plan = plan();
        Watch watch = new Watch(ImageStore.open(out), plan, telling, registry.config().clock());
        try (Watched process = parts.watches().start(pid, setting)) {
            watch.run(process);
        } catch (InterruptedException e) {
            return telling.exitCode; // told to stop: that is how this command ends
        }
        if (output.isVerbose()) {
            Metrics.describe(registry).forEach(output::note);
        }
        return telling.exitCode;
    }

    private SnapshotTaker.Setting setting(MeterRegistry registry) {
        if (pid < 1) {
            throw usage("--pid " + pid + " is not a process id");
        }
        if (capture.instant() == InstantChoice.START) {
            throw usage(
                    "--instant start does not go with watch: nothing is known then of what was written"
                            + " since the image before; use snapshot --parent");
        }
        try {
            return new SnapshotTaker.Setting(
                    capture.options(capture.timeout()), registry, Courtesy.before(Progress.NONE));
        } catch (IllegalArgumentException e) {
            throw usage(String.valueOf(e.getMessage()));
        }
    }

    private Watch.Plan plan() throws IOException {
        try {
            return new Watch.Plan(name == null ? nameOf(pid) : name, every, keep, times);
        } catch (IllegalArgumentException e) {
            throw usage(String.valueOf(e.getMessage()));
        }
    }

    /** What it is called, as far as that can stand in the name of an image. */
    private static String nameOf(int pid) throws IOException {
        Path comm = Path.of("/proc/" + pid + "/comm");
        if (!Files.exists(comm)) {
            throw new IOException("there is no process " + pid);
        }
        return Files.readString(comm).strip().replaceAll("[^A-Za-z0-9_-]", "_");
    }

    /** What is printed. */
    private final class Telling implements Watch.Listener {
        private int exitCode = ExitCode.DONE;

        @Override
        public void taken(String image, SnapshotReport report) {
            exitCode = ExitCode.of(report.missing());
            output.facts(
                    new TakenFact("image", SnapshotFacts.of(pid, report)),
                    List.of(
                            "image %s: %s pages read, %s as before, %s paused, %s in all%s"
                                    .formatted(
                                            image,
                                            Units.count(report.captured().pages()),
                                            Units.count(report.captured().unchangedPages()),
                                            Units.time(report.times().pauseNanos()),
                                            Units.time(report.times().totalNanos()),
                                            report.missing().isEmpty()
                                                    ? ""
                                                    : ", incomplete: stillframe show tells what is"
                                                            + " missing")));
        }

        @Override
        public void failed(String reason) {
            if (output.isJson()) {
                output.facts(new FailedFact("failed", reason), List.of());
            }
            output.note("stillframe watch: " + reason);
        }

        @Override
        public void removed(String image) {
            output.facts(
                    new RemovedFact("removed", image), List.of("removed " + image + ", merged"));
        }
    }

    private ParameterException usage(String message) {
        if (spec == null) {
            throw new IllegalStateException(message);
        }
        return new ParameterException(spec.commandLine(), message);
    }
}
