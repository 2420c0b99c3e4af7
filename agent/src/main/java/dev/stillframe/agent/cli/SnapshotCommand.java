package dev.stillframe.agent.cli;

import dev.stillframe.agent.job.Courtesy;
import dev.stillframe.agent.job.Destination;
import dev.stillframe.agent.job.Parts;
import dev.stillframe.agent.job.RateFile;
import dev.stillframe.agent.job.SnapshotTaker;
import dev.stillframe.agent.metrics.Metrics;
import dev.stillframe.agent.qemu.MachineSnapshot;
import dev.stillframe.engine.capture.Progress;
import dev.stillframe.engine.capture.SnapshotOptions;
import dev.stillframe.engine.capture.SnapshotReport;
import dev.stillframe.engine.page.PageSink;
import dev.stillframe.transport.sender.RateLimit;
import dev.stillframe.transport.sender.SenderOptions;
import io.micrometer.core.instrument.MeterRegistry;
import java.io.IOException;
import java.net.SocketAddress;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code stillframe snapshot}. */
@Command(
        name = "snapshot",
        description = {
            "Take an image of a running process's or virtual machine's memory at one instant, while it"
                    + " keeps running.",
            "",
            "The process is paused for some milliseconds; its memory is then copied while it runs,"
                    + " and what it is about to overwrite is copied first. Stillframe needs no help"
                    + " from the process, and leaves nothing behind in it. What could not be captured"
                    + " is listed, and the exit code is then 3."
        },
        footer = {
            "",
            "Examples:",
            "  stillframe snapshot --pid 4711 --out /data/redis.image",
            "  stillframe snapshot --pid 4711 --to 127.0.0.1:7070 --name redis-monday",
            "  stillframe snapshot --pid \"$(pgrep -o redis-server)\" --out redis.image --json",
            "  stillframe snapshot --pid 4711 --parent /data/monday.image --out /data/tuesday.image",
            "  stillframe snapshot --qmp /run/vm1.qmp --out vm1.image",
            "  stillframe snapshot --qmp /run/vm1.qmp --overlay /disks --out vm1.image"
        })
final class SnapshotCommand implements Callable<Integer> {
    private final Parts parts;

    @Spec private @Nullable CommandSpec spec;
    @Mixin private Output output = new Output();

    @Option(
            names = "--pid",
            paramLabel = "PID",
            description = "The process; with --qmp, QEMU's, where the socket does not tell it.")
    private @Nullable Integer pid;

    @Mixin private MachineOptions machine = new MachineOptions();

    @Mixin private CaptureOptions capture = new CaptureOptions();
    @Mixin private SendOptions sending = new SendOptions();
    @Mixin private SecurityOptions security = new SecurityOptions();

    @ArgGroup(multiplicity = "1")
    private Goal goal = new Goal();

    @Option(
            names = "--parent",
            paramLabel = "IMAGE",
            description = {
                "Store only pages that differ from this image of the same process or machine; to read the"
                        + " new one, it is needed then.",
                "Put both in one directory. Only with --out."
            })
    private @Nullable Path parent;

    /** One of the two. */
    static final class Goal {
        @Option(
                names = "--out",
                paramLabel = "IMAGE",
                required = true,
                description = "Directory to make on this host; it must not exist.")
        private @Nullable Path out;

        @ArgGroup(exclusive = false, multiplicity = "1")
        private @Nullable Remote remote;
    }

    /** Both. */
    static final class Remote {
        @Option(
                names = "--to",
                paramLabel = "HOST:PORT|unix:PATH",
                required = true,
                description =
                        "Send to this receiver (stillframe receive). With TLS its certificate has to"
                                + " be for HOST.")
        private Endpoint to = new HostPort("", 0);

        @Option(
                names = "--name",
                paramLabel = "NAME",
                required = true,
                description = "What the image is called in the receiver's store.")
        private String name = "";
    }

    SnapshotCommand(Parts parts) {
        this.parts = parts;
    }

    @Override
    @SuppressWarnings("try") // the file with the rate is followed by a thread of its own
    public Integer call() throws Exception {
        SnapshotOptions options = options();
        MeterRegistry registry = Metrics.create();
        Result result;
        RateLimit rate = sending.rate();
        Destination destination = destination(rate);
        try (@Nullable RateFile following = sending.follow(rate);
                PageSink sink = parts.opener().open(destination, registry)) {
            result = take(sink, options, registry);
        }
        result.remarks().forEach(remark -> output.note("stillframe snapshot: " + remark));
        output.facts(result.facts(), result.lines());
        if (output.isVerbose()) {
            Metrics.describe(registry).forEach(output::note);
        }
        return result.facts().complete() ? ExitCode.DONE : ExitCode.INCOMPLETE;
    }

    /** What is printed. */
    private record Result(SnapshotFacts facts, List<String> lines, List<String> remarks) {}

    private Result take(PageSink sink, SnapshotOptions options, MeterRegistry registry)
            throws Exception {
        if (!ProgressDisplay.isTerminal()) {
            return take(
                    sink,
                    new SnapshotTaker.Setting(options, registry, Courtesy.before(Progress.NONE)));
        }
        try (ProgressDisplay display = ProgressDisplay.show(subject())) {
            return take(
                    sink, new SnapshotTaker.Setting(options, registry, Courtesy.before(display)));
        }
    }

    private Result take(PageSink sink, SnapshotTaker.Setting setting) throws Exception {
        MachineSnapshot.Subject vm = machine.subject(pid);
        if (vm != null) {
            MachineSnapshot.Taken taken = parts.machines().take(vm, sink, setting);
            return new Result(SnapshotFacts.of(taken), SnapshotFacts.lines(taken), taken.remarks());
        }
        int process = Objects.requireNonNull(pid, "checked with the options");
        SnapshotReport report = parts.taker().take(process, sink, setting);
        return new Result(
                SnapshotFacts.of(process, report), SnapshotFacts.lines(report), List.of());
    }

    /** As a person calls it. */
    private String subject() {
        return machine.isUsed() ? "the machine at " + machine.socket() : "process " + pid;
    }

    private SnapshotOptions options() {
        if (pid != null && pid < 1) {
            throw usage("--pid " + pid + " is not a process id");
        }
        if (pid == null && !machine.isUsed()) {
            throw usage("--pid or --qmp is needed: which process, or which virtual machine");
        }
        if (!machine.isUsed() && machine.hasDiskOptions()) {
            throw usage("--overlay and --disk-hook are for a virtual machine: --qmp is needed");
        }
        try {
            return capture.options(goal.out != null ? capture.timeout() : sending.patience());
        } catch (IllegalArgumentException e) {
            throw usage(String.valueOf(e.getMessage()));
        }
    }

    private Destination destination(RateLimit rate) throws Failure, IOException {
        if (goal.out != null) {
            if (sending.areUsed() || security.areUsed()) {
                throw usage("options of the connection (--lanes, --tls-cert, ...) need --to");
            }
            return new Destination.Local(goal.out, parent);
        }
        if (parent != null) {
            throw usage("--parent needs --out: a receiver does not have the pages of the parent");
        }
        if (goal.remote == null) {
            throw usage("one of --out and --to is needed");
        }
        SocketAddress receiver = goal.remote.to.resolve();
        if (!Endpoint.isLocal(receiver) && !security.encrypts()) {
            output.note(
                    "stillframe snapshot: the memory of "
                            + subject()
                            + " goes to "
                            + goal.remote.to
                            + " unencrypted; --tls-cert, --tls-key and --tls-ca protect it");
        }
        return new Destination.Remote(receiver, goal.remote.name, senderOptions(), rate);
    }

    private SenderOptions senderOptions() throws IOException {
        try {
            return sending.options(
                    security.credentials(Set.of()), capture.timeout(), capture.stagingBytes());
        } catch (IllegalArgumentException e) {
            throw usage(String.valueOf(e.getMessage()));
        }
    }

    private ParameterException usage(String message) {
        if (spec == null) {
            throw new IllegalStateException(message);
        }
        return new ParameterException(spec.commandLine(), message);
    }
}
