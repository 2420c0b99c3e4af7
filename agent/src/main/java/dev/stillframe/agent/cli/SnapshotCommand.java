package dev.stillframe.agent.cli;

import dev.stillframe.agent.job.Courtesy;
import dev.stillframe.agent.job.Destination;
import dev.stillframe.agent.job.Parts;
import dev.stillframe.agent.job.RateFile;
import dev.stillframe.agent.job.SnapshotTaker;
import dev.stillframe.agent.metrics.Metrics;
import dev.stillframe.agent.qemu.MachineSnapshot;
import dev.stillframe.engine.capture.InstantChoice;
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
import java.time.Duration;
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

    @Option(
            names = "--staging",
            paramLabel = "SIZE",
            defaultValue = "1G",
            description = {
                "Memory that holds pages until they are written (default: ${DEFAULT-VALUE}).",
                "With as much as the process has, a slow disk or network never slows it; with less,"
                        + " it may wait when the pool is full, of which the last part is kept for what"
                        + " it writes to."
            })
    private ByteSize staging = new ByteSize(0);

    @Option(
            names = "--stop-budget",
            paramLabel = "TIME",
            defaultValue = "100ms",
            description =
                    "How long the threads may take to stop (default: ${DEFAULT-VALUE}). When one takes"
                            + " longer, because it waits for a disk or a child, all go on and it is tried"
                            + " again a few times.")
    private Duration stopBudget = Duration.ZERO;

    @Option(
            names = "--pause-budget",
            paramLabel = "TIME",
            defaultValue = "3ms",
            description =
                    "How long the pause may be spent on copying pages that are written all the time"
                            + " (default: ${DEFAULT-VALUE}). More means a longer pause and fewer faults"
                            + " after it.")
    private Duration pauseBudget = Duration.ZERO;

    @Option(
            names = "--instant",
            paramLabel = "WHEN",
            defaultValue = "auto",
            description = {
                "Which instant the image is of: auto, end or start (default: ${DEFAULT-VALUE}).",
                "end: memory is copied in rounds while nobody waits for it, and then the process is"
                        + " paused for what it has written since the last one.",
                "start: the process is paused first, and waits for each page that it writes to before"
                        + " it is copied.",
                "auto: the end, if the pause fits --pause-target, and otherwise the start."
            })
    private InstantChoice instant = InstantChoice.AUTO;

    @Option(
            names = "--pause-target",
            paramLabel = "TIME",
            defaultValue = "10ms",
            description =
                    "How long the pause at the end of the rounds may be (default: ${DEFAULT-VALUE}).")
    private Duration pauseTarget = Duration.ZERO;

    @Option(
            names = "--trust-own-descriptors",
            description =
                    "The process writes its shared memory by its mappings only, though it has it open for"
                            + " writing, too. Otherwise such memory is listed as missing if it changes while"
                            + " it is copied, because write(2) and its like go past every protection.")
    private boolean trustsOwnDescriptors;

    @Option(
            names = "--timeout",
            paramLabel = "TIME",
            defaultValue = "30s",
            description =
                    "Give up when the disk takes nothing for this long, or count the connection to"
                            + " the receiver as lost (default: ${DEFAULT-VALUE}).")
    private Duration timeout = Duration.ZERO;

    @Option(
            names = "--workers",
            paramLabel = "N",
            description =
                    "Threads that copy pages and answer faults, 1 to 16 (default: from the"
                            + " processors).")
    private @Nullable Integer workers;

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
        SnapshotOptions defaults =
                SnapshotOptions.defaults(Runtime.getRuntime().availableProcessors());
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
            return new SnapshotOptions(
                    staging.bytes(),
                    stopBudget,
                    pauseBudget,
                    goal.out != null ? timeout : sending.patience(),
                    workers == null ? defaults.workers() : workers,
                    trustsOwnDescriptors,
                    instant,
                    pauseTarget,
                    defaults.tuning());
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
            return sending.options(security.credentials(Set.of()), timeout, staging.bytes());
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
