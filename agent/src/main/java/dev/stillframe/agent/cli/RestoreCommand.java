package dev.stillframe.agent.cli;

import dev.stillframe.agent.qemu.LazyRestore;
import dev.stillframe.agent.qemu.MachineRestore;
import dev.stillframe.agent.qemu.StoredCommand;
import dev.stillframe.engine.instant.Layout;
import dev.stillframe.transport.reader.ReaderOptions;
import dev.stillframe.transport.reader.RemoteImage;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import org.HdrHistogram.Histogram;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code stillframe restore}. */
@Command(
        name = "restore",
        description = {
            "Run a virtual machine again from an image of it, in milliseconds.",
            "",
            "QEMU maps its memory from the image and reads only what the guest touches. The image stays as"
                    + " it is whatever the guest writes, so that any number of machines can run from one at once;"
                    + " they share what they have not changed. Its disks are yours: they must be as they were at"
                    + " the instant of the image. QEMU goes on when this command has ended.",
            "",
            "With --from, the image is in the store of a receiver on another host (stillframe receive"
                    + " --serve). The machine runs at once: what it touches is fetched when it touches it, all else"
                    + " streams in beside. This command ends when all is here and checked; until then the machine"
                    + " needs it, and a connection that is lost is made again.",
            "",
            "With --from and --json, one object a line: event running, then event whole."
        },
        footer = {
            "",
            "Examples:",
            "  stillframe restore vm1.image --qemu",
            "  stillframe restore vm1.image --qemu --yes",
            "  stillframe restore vm1.image --qemu -- -machine q35,memory-backend=ram0 -cpu max"
                    + " -object memory-backend-memfd,id=ram0,size=4G,share=on ...",
            "  stillframe restore vm1.image --qemu --ram /dev/shm/vm1.ram -- ...",
            "  stillframe restore vm1.image --qemu --print -- ...",
            "  stillframe restore vm1 --from images.example:7070 --qemu --tls-cert me.pem --tls-key me.key"
                    + " --tls-ca ca.pem -- ..."
        })
final class RestoreCommand implements Callable<Integer> {
    @Spec private @Nullable CommandSpec spec;
    @Mixin private Output output = new Output();

    @Parameters(
            index = "0",
            paramLabel = "IMAGE",
            description = "The image directory; with --from, the image's name there.")
    private Path image = Path.of("");

    @Parameters(
            index = "1..*",
            paramLabel = "QEMU-ARGS",
            description = {
                "QEMU's command line, behind --: the same machine, processors and devices as it had when"
                        + " the image was taken. Where the memory comes from is replaced. If the first word is"
                        + " an option, the program is this host's QEMU of that name.",
                "Without any: the command line of then, as far as it is the machine's: what led to its host"
                        + " (monitors, networks, files to write, programs to run) is not taken from an image."
                        + " It is shown, and you are asked."
            })
    private List<String> arguments = List.of();

    @Option(
            names = "--qemu",
            required = true,
            description = "Run it with QEMU; processes cannot be run again.")
    private boolean qemu;

    @Option(
            names = "--program",
            paramLabel = "FILE",
            description =
                    "The QEMU to run, where the arguments do not begin with one (default: from PATH, by the name of then).")
    private @Nullable Path program;

    @Option(
            names = {"-y", "--yes"},
            description =
                    "Run the command line that stands in the image without asking; --print shows it.")
    private boolean yes;

    @Option(
            names = "--ram",
            paramLabel = "FILE",
            description =
                    "Copy the memory to this new file and let the guest write to it, checked page by page;"
                            + " on /dev/shm, the machine can be captured again like before.")
    private @Nullable Path ram;

    @Option(
            names = "--from",
            paramLabel = "HOST:PORT|unix:PATH",
            description =
                    "Fetch the image from the receiver that listens there, while the machine runs.")
    private @Nullable Endpoint from;

    @Option(
            names = "--retry-for",
            paramLabel = "TIME",
            description =
                    "With --from: when the connection is lost, try again until nothing has got through for"
                            + " this long; what the guest misses it waits for (default: 10 min).")
    private @Nullable Duration retryFor;

    @Mixin private SecurityOptions security = new SecurityOptions();

    @Option(names = "--paused", description = "Do not let the guest run yet.")
    private boolean paused;

    @Option(
            names = "--wait",
            description =
                    "Stay until QEMU ends, and fail if it does; Ctrl-C and SIGTERM end it. For systemd and"
                            + " the like.")
    private boolean wait;

    @Option(
            names = "--print",
            description =
                    "Only print the command line; the state of the devices is to be exported first.")
    private boolean print;

    /** What JSON shows. */
    record Facts(
            String image,
            long pid,
            boolean running,
            double startMs,
            double loadMs,
            double totalMs) {}

    /** A line of JSON when the machine runs, or stands as it was to. */
    record RunningFact(
            String event,
            String image,
            long pid,
            boolean running,
            double startMs,
            double loadMs,
            double totalMs) {}

    /** A line of JSON when all of its memory is here. */
    record WholeFact(
            String event,
            long bytes,
            double ms,
            long waits,
            double waitMsMedian,
            double waitMsMax) {}

    @Override
    public Integer call() throws Exception {
        if (!qemu) {
            throw usage("--qemu is needed");
        }
        if (from != null) {
            return fetch(from);
        }
        if (security.areUsed() || retryFor != null) {
            throw usage("--retry-for, --key-file and --tls-... are for --from");
        }
        if (print) {
            return print();
        }
        List<String> words = mustAsk() ? confirmed(MachineRestore.layout(image)) : arguments;
        MachineRestore restore =
                new MachineRestore(
                        image,
                        new MachineRestore.Options(words, program, ram, paused, output.isJson()));
        MachineRestore.Restored restored = restore.run();
        output.facts(
                new Facts(
                        image.toString(),
                        restored.process().pid(),
                        restored.running(),
                        Units.millis(restored.startNanos()),
                        Units.millis(restored.loadNanos()),
                        Units.millis(restored.totalNanos())),
                rows(restored, restored.process().pid()));
        return wait ? await(restored.process()) : ExitCode.DONE;
    }

    private int print() throws Exception {
        if (ram != null) {
            throw usage("--print shows what runs from the image itself; leave --ram away");
        }
        Path stream = Path.of("devices.state");
        MachineRestore restore =
                new MachineRestore(
                        image,
                        new MachineRestore.Options(
                                arguments, program, null, paused, output.isJson()));
        output.line("stillframe export --format qemu-state " + image + " " + stream);
        output.line(restore.line(stream));
        return ExitCode.DONE;
    }

    private static List<String> rows(MachineRestore.Restored restored, long pid) {
        return new Rows()
                .add(restored.running() ? "running" : "paused", "process " + pid)
                .add(
                        "took",
                        "%s: %s until QEMU answered, %s for the state of the devices"
                                .formatted(
                                        Units.time(restored.totalNanos()),
                                        Units.time(restored.startNanos()),
                                        Units.time(restored.loadNanos())))
                .lines();
    }

    private int fetch(Endpoint receiver) throws Exception {
        if (ram != null || print) {
            throw usage("--from has QEMU keep the memory itself; leave --ram and --print away");
        }
        ReaderOptions reading =
                ReaderOptions.DEFAULT.withCredentials(security.credentials(Set.of()));
        if (retryFor != null) {
            reading = reading.withPatience(retryFor);
        }
        boolean asks = mustAsk();
        try (RemoteImage remote = RemoteImage.open(receiver.resolve(), image.toString(), reading)) {
            return fetch(remote, asks ? confirmed(remote.layout()) : arguments);
        }
    }

    private int fetch(RemoteImage remote, List<String> words) throws Exception {
        MachineRestore.Options options =
                new MachineRestore.Options(words, program, null, paused, output.isJson());
        try (LazyRestore restore = LazyRestore.start(remote, options)) {
            tell(restore);
            tell(restore.awaitWhole());
            return wait ? await(restore.restored().process()) : ExitCode.DONE;
        }
    }

    /** What was typed is the user's own; what stands in an image may be anybody's. */
    private boolean mustAsk() {
        if (!arguments.isEmpty() || yes) {
            return false;
        }
        if (!Confirmation.isPossible()) {
            throw usage(
                    "the command line would come from the image, and nobody is here to be asked: look at it with"
                            + " --print and add --yes, or give QEMU's command line behind --");
        }
        return true;
    }

    /** The words that were shown, so that what is run cannot be anything else. */
    private List<String> confirmed(Layout layout) throws Exception {
        StoredCommand stored = StoredCommand.of(layout.source(), program);
        output.note(
                "%s says that it is %s. Its command line, as far as it is taken:"
                        .formatted(image, Origin.of(layout)));
        output.note("  " + stored.line());
        stored.left().forEach(words -> output.note("  not taken as it stood there: " + words));
        if (!Confirmation.ask(output, "Run this?")) {
            throw new Failure("not run; QEMU's command line can be given behind --");
        }
        return stored.words();
    }

    private void tell(LazyRestore restore) {
        MachineRestore.Restored restored = restore.restored();
        output.facts(
                new RunningFact(
                        "running",
                        image.toString(),
                        restore.pid(),
                        restored.running(),
                        Units.millis(restored.startNanos()),
                        Units.millis(restored.loadNanos()),
                        Units.millis(restored.totalNanos())),
                rows(restored, restore.pid()));
    }

    private void tell(LazyRestore.Filled filled) {
        Histogram waits = filled.waits();
        output.facts(
                new WholeFact(
                        "whole",
                        filled.bytes(),
                        Units.millis(filled.nanos()),
                        waits.getTotalCount(),
                        Units.millis(waits.getValueAtPercentile(50)),
                        Units.millis(waits.getMaxValue())),
                new Rows()
                        .add(
                                "whole",
                                "%s in %s, checked; %s waits for a page, %s in the middle, %s at most"
                                        .formatted(
                                                Units.bytes(filled.bytes()),
                                                Units.time(filled.nanos()),
                                                Units.count(waits.getTotalCount()),
                                                Units.time(waits.getValueAtPercentile(50)),
                                                Units.time(waits.getMaxValue())))
                        .lines());
    }

    private static int await(Process qemu) throws Failure, InterruptedException {
        try {
            int status = qemu.waitFor();
            if (status != 0) {
                throw new Failure(
                        "QEMU ended with exit code " + status + "; its own message is above");
            }
            return ExitCode.DONE;
        } catch (InterruptedException e) {
            qemu.destroy();
            throw e;
        }
    }

    private ParameterException usage(String message) {
        if (spec == null) {
            throw new IllegalStateException(message);
        }
        return new ParameterException(spec.commandLine(), message);
    }
}
