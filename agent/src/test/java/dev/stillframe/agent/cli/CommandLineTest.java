package dev.stillframe.agent.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.stillframe.agent.doctor.Readiness.Finding;
import dev.stillframe.agent.doctor.Readiness.Status;
import dev.stillframe.agent.job.Destination;
import dev.stillframe.agent.job.MachineTaker;
import dev.stillframe.agent.job.Parts;
import dev.stillframe.agent.job.Reception;
import dev.stillframe.agent.job.SnapshotTaker;
import dev.stillframe.agent.job.Wiring;
import dev.stillframe.agent.qemu.MachineSnapshot;
import dev.stillframe.engine.capture.SnapshotException;
import dev.stillframe.engine.capture.SnapshotReport;
import dev.stillframe.engine.document.Json;
import dev.stillframe.engine.image.ImageStore;
import dev.stillframe.engine.instant.Ending;
import dev.stillframe.engine.instant.Layout;
import dev.stillframe.engine.instant.Missing;
import dev.stillframe.engine.instant.RootHash;
import dev.stillframe.engine.instant.Source;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.page.PageBatch;
import dev.stillframe.engine.page.PageSink;
import dev.stillframe.transport.receiver.ReceiverEvents;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;

class CommandLineTest {
    private static final Missing LOST =
            new Missing(new AddressRange(0x7f00a000L, 0x7f00c000L), "device memory");
    private static final Finding GOOD = new Finding("kernel", Status.OK, "6.18", "");
    private static final Finding BAD =
            new Finding("userfaultfd", Status.FAIL, "refused", "run as root");

    @TempDir Path directory;

    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();
    private final List<Destination> opened = new ArrayList<>();
    private final List<Integer> closed = new ArrayList<>();
    private SnapshotTaker taker = (pid, sink, setting) -> report(List.of());
    private MachineTaker machines =
            (machine, sink, setting) -> {
                throw new SnapshotException("QEMU is not there");
            };
    private List<Finding> findings = List.of(GOOD);
    private Reception.Starter starter =
            (listen, store, credentials, events, registry) -> {
                throw new IOException("address in use");
            };

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "frobnicate",
                "snapshot",
                "snapshot --pid 1",
                "snapshot --pid x --out y",
                "snapshot --pid 0 --out y",
                "snapshot --out y",
                "snapshot --pid 1 --out y --overlay d",
                "snapshot --pid 1 --out y --disk-hook true",
                "snapshot --pid 1 --out y --to h:1 --name n",
                "snapshot --pid 1 --to h:1",
                "snapshot --pid 1 --name n",
                "snapshot --pid 1 --to h --name n",
                "snapshot --pid 1 --to h:99999 --name n",
                "snapshot --pid 1 --out y --staging many",
                "snapshot --pid 1 --out y --staging 1K",
                "snapshot --pid 1 --out y --pause-budget 5",
                "snapshot --pid 1 --out y --stop-budget 0s",
                "snapshot --pid 1 --out y --timeout 0s",
                "snapshot --pid 1 --out y --workers 17",
                "show",
                "show a b",
                "verify --nonsense a",
                "export a b",
                "export --format tar a b",
                "export --format raw a b",
                "export --format RAW a b",
                "export --format raw --range 20-10 a b",
                "export --format elf-core --range 10-20 a b",
                "list",
                "remove --store x",
                "receive --store x",
                "receive --listen 127.0.0.1:1",
                "demo --threads 0",
                "demo --memory 1000T",
                "doctor extra",
                "doctor --html x",
                "doctor --conformance --backend V9",
            })
    void wrongUsageIsOneLineAndCodeTwo(String typed) {
        assertThat(run(typed.isEmpty() ? new String[0] : typed.split(" ", -1))).isEqualTo(2);
        assertThat(err.toString().strip().lines())
                .singleElement()
                .asString()
                .startsWith("stillframe")
                .contains("--help");
        assertThat(out.toString()).isEmpty();
        assertThat(opened).isEmpty();
    }

    @Test
    void everyCommandHasHelpWithDescriptionAndVersion() {
        for (CommandLine command : commandLine().getSubcommands().values()) {
            String name = command.getCommandName();
            String help = textOf(name, "--help");
            assertThat(help)
                    .as(name)
                    .contains("Usage: stillframe " + name, "--help", "--json", "--verbose");
            assertThat(help).as(name).contains("Examples:");
            assertThat(textOf(name, "--version")).startsWith("stillframe ");
        }
        assertThat(textOf("--help"))
                .contains("doctor", "snapshot", "show", "verify", "export", "Exit codes");
        assertThat(textOf("--version")).startsWith("stillframe ");
    }

    @Test
    void aSnapshotPrintsTheFactsThatScriptsRelyOn() throws IOException {
        assertThat(run("snapshot", "--pid", "42", "--out", "x.image", "--json")).isZero();
        JsonNode facts = json();
        List<String> names = new ArrayList<>();
        facts.fieldNames().forEachRemaining(names::add);
        assertThat(names)
                .contains(
                        "image",
                        "root_hash",
                        "bytes_captured",
                        "pages",
                        "zero_pages",
                        "pause_ms",
                        "arm_ms",
                        "capture_ms",
                        "total_ms",
                        "faults",
                        "fault_p50_us",
                        "fault_p99_us",
                        "fault_max_us",
                        "staging_waits_ms",
                        "missing");
        assertThat(facts.get("pause_ms").doubleValue()).isEqualTo(4.212);
        assertThat(facts.get("fault_p99_us").doubleValue()).isEqualTo(110.5);
        assertThat(facts.get("bytes_captured").longValue()).isEqualTo(1L << 30);
        assertThat(facts.get("complete").booleanValue()).isTrue();
        assertThat(facts.get("missing")).isEmpty();
        assertThat(opened).containsExactly(new Destination.Local(Path.of("x.image")));
        assertThat(closed).hasSize(1);
        assertThat(err.toString()).isEmpty();
    }

    @Test
    void anIncompleteSnapshotIsCodeThreeAndListsWhatIsMissing() throws IOException {
        taker = (pid, sink, setting) -> report(List.of(LOST));
        assertThat(run("snapshot", "--pid", "42", "--out", "x")).isEqualTo(3);
        assertThat(out.toString())
                .contains("7f00a000-7f00c000", "device memory", "4.21 ms", "1.00 GiB");
        out.getBuffer().setLength(0);
        assertThat(run("snapshot", "--pid", "42", "--out", "x", "--json")).isEqualTo(3);
        JsonNode missing = json().get("missing").get(0);
        assertThat(missing.get("range").textValue()).isEqualTo("7f00a000-7f00c000");
        assertThat(missing.get("reason").textValue()).isEqualTo("device memory");
    }

    @Test
    void aFailedSnapshotIsOneLineAndCodeOne() {
        taker =
                (pid, sink, setting) -> {
                    throw new SnapshotException("no process " + pid + ":\n check the number");
                };
        assertThat(run("snapshot", "--pid", "42", "--to", "127.0.0.1:7070", "--name", "n"))
                .isEqualTo(1);
        assertThat(err.toString().strip())
                .isEqualTo("stillframe snapshot: no process 42:; check the number");
        assertThat(out.toString()).isEmpty();
        assertThat(opened).hasSize(1);
        assertThat(closed).hasSize(1);
    }

    @Test
    void ourOwnFaultIsCalledOne() {
        taker =
                (pid, sink, setting) -> {
                    throw new IllegalStateException("claims are off by one");
                };
        assertThat(run("snapshot", "--pid", "42", "--out", "x")).isEqualTo(1);
        assertThat(err.toString())
                .contains("fault in Stillframe", "claims are off by one")
                .doesNotContain("    at ");
        assertThat(run("snapshot", "--pid", "42", "--out", "x", "--verbose")).isEqualTo(1);
        assertThat(err.toString()).contains("    at ");
    }

    @Test
    void whatTheUserChoseReachesTheEngine() {
        List<SnapshotTaker.Setting> settings = new ArrayList<>();
        taker =
                (pid, sink, setting) -> {
                    settings.add(setting);
                    return report(List.of());
                };
        String[] typed = {
            "snapshot",
            "--pid",
            "1",
            "--out",
            "x",
            "--staging",
            "512M",
            "--stop-budget",
            "70ms",
            "--pause-budget",
            "2ms",
            "--timeout",
            "2m",
            "--workers",
            "3"
        };
        assertThat(run(typed)).isZero();
        assertThat(settings.getFirst().options().stagingBytes()).isEqualTo(512L << 20);
        assertThat(settings.getFirst().options().stopBudget()).isEqualTo(Duration.ofMillis(70));
        assertThat(settings.getFirst().options().pauseBudget()).isEqualTo(Duration.ofMillis(2));
        assertThat(settings.getFirst().options().stallTimeout()).isEqualTo(Duration.ofMinutes(2));
        assertThat(settings.getFirst().options().workers()).isEqualTo(3);
    }

    @Test
    void theDoctorRunsScenarios() throws IOException {
        Path file =
                Files.writeString(
                        directory.resolve("mine.txt"),
                        """
                        scenario M1 a store that is told
                          memory a anon 1
                          userfaultfd u
                          fill a 'a'
                          register a wp
                          protect a
                          T1: store a 'b' -> parked
                          expect message wp a
                          unprotect a
                          expect T1 done
                        """);
        Path html = directory.resolve("page.html");
        String[] command = {
            "doctor", "--conformance", "--backend", "model", "--scenario", file.toString()
        };
        assertThat(run(with(command, "--html", html.toString()))).isZero();
        assertThat(out.toString()).contains("M1", "MODERN", "nothing unexpected");
        assertThat(html).content().contains("<table>", "a store that is told", "T1: store a 'b'");
        out.getBuffer().setLength(0);
        Files.writeString(
                file, "  expect unprotected a\n  expect protected a\n", StandardOpenOption.APPEND);
        assertThat(run(with(command, "--json"))).isEqualTo(1);
        assertThat(json().get("as_expected").booleanValue()).isFalse();
        assertThat(json().get("results")).hasSize(6);
        assertThat(json().get("results").get(0).get("remark").textValue())
                .contains("mine.txt:12: expect protected a");
    }

    @Test
    void scenariosAndBackendsAreChosenByName() throws IOException {
        Path file =
                Files.writeString(
                        directory.resolve("mine.txt"),
                        """
                        scenario M1 memory
                          memory a anon 1
                        scenario M2 what the model has not
                          kernel only: it is so
                          memory a anon 1
                        """);
        String[] command = {"doctor", "--conformance", "--scenario", file.toString(), "--json"};
        assertThat(run(with(command, "--backend", "PRE", "--backend", "MODERN", "--only", "M1")))
                .isZero();
        assertThat(json().get("results")).hasSize(2);
        out.getBuffer().setLength(0);
        assertThat(run(with(command, "--backend", "MODERN", "--only", "M2")))
                .isEqualTo(1); // nothing was run
        assertThat(run(with(command, "--only", "M3"))).isEqualTo(1);
        assertThat(err.toString()).contains("there is no scenario M3; there are M1, M2");
    }

    @Test
    void aScenarioThatCannotBeReadIsNamedByLine() throws IOException {
        Path file = Files.writeString(directory.resolve("mine.txt"), "scenario M1 t\n  frob a\n");
        assertThat(run("doctor", "--conformance", "--scenario", file.toString())).isEqualTo(1);
        assertThat(err.toString()).contains("mine.txt:2: unknown word frob");
    }

    private static String[] with(String[] command, String... more) {
        return Stream.concat(Arrays.stream(command), Arrays.stream(more)).toArray(String[]::new);
    }

    @Test
    void theDoctorSaysWhatToChange() throws IOException {
        assertThat(run("doctor")).isZero();
        findings = List.of(GOOD, BAD);
        assertThat(run("doctor")).isEqualTo(1);
        assertThat(out.toString()).contains("FAIL userfaultfd", "-> run as root");
        out.getBuffer().setLength(0);
        assertThat(run("doctor", "--json", "--store", directory.toString())).isEqualTo(1);
        assertThat(json().get("ready").booleanValue()).isFalse();
        assertThat(json().get("findings").get(1).get("remedy").textValue())
                .isEqualTo("run as root");
        assertThat(json().get("findings")).hasSize(4);
        assertThat(directory).isEmptyDirectory();
    }

    @ParameterizedTest
    @CsvSource({
        "show,no image there",
        "verify,no image there",
    })
    void anImageThatIsNotThereIsAClearError(String command, String reason) {
        assertThat(run(command, directory.resolve("none").toString())).isEqualTo(1);
        assertThat(err.toString().strip().lines())
                .singleElement()
                .asString()
                .contains("none", reason);
    }

    @Test
    void aStoreIsListedAndEmptied() throws IOException {
        assertThat(run("list", "--store", directory.resolve("none").toString())).isEqualTo(1);
        assertThat(directory.resolve("none")).doesNotExist();
        Path partial = Files.createDirectory(directory.resolve("monday.partial-0badcafe"));
        assertThat(run("list", "--store", directory.toString())).isZero();
        assertThat(out.toString()).contains("unfinished").contains("monday.partial-0badcafe");
        assertThat(run("remove", "--store", directory.toString(), "monday.partial-0badcafe"))
                .isZero();
        assertThat(partial).doesNotExist();
        assertThat(run("remove", "--store", directory.toString(), "../etc")).isEqualTo(1);
    }

    @Test
    void theReceiverPrintsALineForEachImageAndStopsWhenInterrupted() throws IOException {
        emptyImage("monday", List.of());
        boolean[] stopped = {false};
        Thread receiving = Thread.currentThread();
        starter =
                (listen, store, credentials, events, registry) -> {
                    events.published(session("monday"), "monday");
                    events.suspended(session("tuesday"), "cut off");
                    events.failed(session("tuesday"), "cut off");
                    events.published(session("wednesday"), "wednesday");
                    return reception(listen, () -> stopped[0] = true);
                };
        Thread stopper =
                Thread.ofPlatform().name("stopper").start(() -> interruptAfterLines(receiving, 5));
        assertThat(
                        run(
                                "receive",
                                "--listen",
                                "127.0.0.1:7070",
                                "--store",
                                directory.toString(),
                                "--json"))
                .isZero();
        assertThat(stopper).isNotNull();
        assertThat(stopped[0]).isTrue();
        List<JsonNode> lines = new ArrayList<>();
        for (String line : out.toString().lines().toList()) {
            lines.add(Json.MAPPER.readTree(line));
        }
        assertThat(lines.stream().map(line -> line.get("event").textValue()))
                .containsExactly("listening", "image", "interrupted", "failed", "failed");
        assertThat(lines.getFirst().get("address").textValue()).isEqualTo("127.0.0.1:7070");
        assertThat(lines.get(1).get("name").textValue()).isEqualTo("monday");
        assertThat(lines.get(1).get("root_hash").textValue()).hasSize(64);
        assertThat(lines.get(1).get("pid").intValue()).isEqualTo(42);
        assertThat(lines.get(2).get("reason").textValue()).isEqualTo("cut off");
        assertThat(err.toString().lines())
                .contains(
                        "stillframe receive: interrupted image tuesday from 127.0.0.1:9: cut off",
                        "stillframe receive: failed image tuesday from 127.0.0.1:9: cut off")
                .anySatisfy(
                        line ->
                                assertThat(line)
                                        .contains("failed image wednesday", "cannot be shown"));
        assertThat(run("show", directory.resolve("monday").toString())).isZero();
        assertThat(run("verify", directory.resolve("monday").toString())).isZero();
    }

    /**
     * With the real receiver: a peer that speaks something else, whose end nobody but its owner
     * hears of.
     */
    @Test
    void whatTheReceiverTellsOfAnEndIsOnStandardErrorWithItsCause() throws Exception {
        Thread receiving = Thread.currentThread();
        CompletableFuture<Void> over = new CompletableFuture<>();
        starter =
                (listen, store, credentials, events, registry) -> {
                    Reception real =
                            Wiring.parts()
                                    .receptions()
                                    .start(listen, store, credentials, events, registry);
                    InetSocketAddress address = (InetSocketAddress) real.address();
                    try (Socket peer = new Socket(address.getAddress(), address.getPort())) {
                        peer.getOutputStream()
                                .write(
                                        "GET / HTTP/1.1\r\n\r\n      "
                                                .getBytes(StandardCharsets.US_ASCII));
                        peer.getInputStream().readAllBytes(); // its refusal
                    }
                    return real;
                };
        Thread.ofPlatform().name("stopper").start(() -> interruptAfterNote(receiving, over));
        assertThat(run("receive", "--listen", "127.0.0.1:0", "--store", directory.toString()))
                .isZero();
        over.get(20, TimeUnit.SECONDS);
        assertThat(err.toString())
                .contains("stillframe receive: failed an image from 127.0.0.1:")
                .contains("47455420"); // what came instead of a frame
        assertThat(out.toString().lines()).singleElement().asString().startsWith("listening on");
    }

    private void interruptAfterNote(Thread receiving, CompletableFuture<Void> over) {
        long until = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
        while (!err.toString().contains("failed") && System.nanoTime() < until) {
            Thread.onSpinWait();
        }
        receiving.interrupt();
        over.complete(null);
    }

    @Test
    void anImageIsShownVerifiedAndExported() throws IOException {
        Path image = ImageStore.open(directory).resolve("monday");
        emptyImage("monday", List.of(LOST));
        assertThat(run("show", "--json", image.toString())).isZero();
        assertThat(json().get("pid").intValue()).isEqualTo(42);
        assertThat(json().get("complete").booleanValue()).isFalse();
        assertThat(run("verify", image.toString())).isEqualTo(3);
        assertThat(out.toString()).contains("intact", "device memory");
        Path raw = directory.resolve("raw");
        String[] export = {
            "export",
            "--format",
            "raw",
            "--range",
            "1000-3000",
            image.toString(),
            raw.toString(),
            "--json"
        };
        out.getBuffer().setLength(0);
        assertThat(run(export)).isEqualTo(3);
        assertThat(json().get("format").textValue()).isEqualTo("raw");
        assertThat(json().get("missing")).isNotEmpty();
        assertThat(raw).hasSize(0x2000);
        assertThat(run(export)).isEqualTo(1);
        assertThat(err.toString()).contains("--force");
        Files.write(image.resolve("manifest.json"), new byte[] {'x'});
        assertThat(run("verify", image.toString())).isEqualTo(1);
        assertThat(err.toString()).contains("damaged");
    }

    private void emptyImage(String name, List<Missing> missing) throws IOException {
        try (PageSink sink = ImageStore.open(directory).create(name)) {
            Source source =
                    new Source(
                            42, 1, 1, 1, 0, 0, "w", List.of("w"), "/w", "host", "x86_64", "6.18");
            Layout layout = new Layout(4096, 0, source, new byte[0], List.of(), List.of());
            sink.begin(layout);
            sink.finish(
                    new Ending(missing, RootHash.of(layout, missing, (first, count, into) -> {})));
        }
    }

    @Test
    void theReceiverStaysOnLoopbackUnlessToldOtherwise() {
        assertThat(run("receive", "--listen", "0.0.0.0:7070", "--store", directory.toString()))
                .isEqualTo(1);
        assertThat(err.toString().strip().lines())
                .singleElement()
                .asString()
                .contains("--insecure");
        assertThat(
                        run(
                                "receive",
                                "--listen",
                                "0.0.0.0:7070",
                                "--store",
                                directory.toString(),
                                "--insecure"))
                .isEqualTo(1);
        assertThat(err.toString()).contains("address in use");
    }

    private void interruptAfterLines(Thread receiving, int count) {
        long deadline = System.nanoTime() + Duration.ofSeconds(30).toNanos();
        while (out.toString().lines().count() < count && System.nanoTime() < deadline) {
            Thread.onSpinWait();
        }
        receiving.interrupt();
    }

    @Test
    void aSnapshotOfAMachineTellsWhatItsPauseWasMadeOf() throws IOException {
        List<MachineSnapshot.Subject> asked = new ArrayList<>();
        machines =
                (machine, sink, setting) -> {
                    asked.add(machine);
                    return new MachineSnapshot.Taken(
                            4711,
                            report(List.of()),
                            new MachineSnapshot.Stop(1_000_000, 2_000_000, 0, 3_000_000, 4_000_000),
                            List.of("something to know"));
                };
        assertThat(
                        run(
                                "snapshot",
                                "--qmp",
                                "/run/vm",
                                "--disk-hook",
                                "lvcreate",
                                "--out",
                                "y",
                                "--json"))
                .isZero();
        assertThat(asked)
                .containsExactly(
                        new MachineSnapshot.Subject(
                                Path.of("/run/vm"), OptionalInt.empty(), null, "lvcreate"));
        assertThat(json().path("pid").asInt()).isEqualTo(4711);
        assertThat(json().path("stop").path("ours_ms").asDouble()).isEqualTo(3.0);
        assertThat(err.toString()).contains("something to know");
    }

    @Test
    void aProcessHasNoStopOfAMachine() throws IOException {
        assertThat(run("snapshot", "--pid", "1", "--out", "y", "--json")).isZero();
        assertThat(json().has("stop")).isFalse();
    }

    private static ReceiverEvents.SessionInfo session(String imageName) {
        return new ReceiverEvents.SessionInfo(
                1, InetSocketAddress.createUnresolved("127.0.0.1", 9), imageName);
    }

    private static Reception reception(SocketAddress address, Runnable stop) {
        return new Reception() {
            @Override
            public SocketAddress address() {
                return address;
            }

            @Override
            public void close() {
                stop.run();
            }
        };
    }

    private String textOf(String... arguments) {
        out.getBuffer().setLength(0);
        assertThat(run(arguments)).isZero();
        return out.toString();
    }

    private int run(String... arguments) {
        return commandLine().execute(arguments);
    }

    private CommandLine commandLine() {
        Parts parts =
                new Parts(
                        taker,
                        machines,
                        (pid, setting) -> {
                            throw new SnapshotException("no watch here");
                        },
                        this::open,
                        starter,
                        () -> findings);
        return Commands.create(parts).setOut(new PrintWriter(out)).setErr(new PrintWriter(err));
    }

    private JsonNode json() throws IOException {
        return Json.MAPPER.readTree(out.toString());
    }

    private PageSink open(Destination destination, Object registry) {
        opened.add(destination);
        return new PageSink() {
            @Override
            public void begin(Layout layout) {}

            @Override
            public void amend(Layout layout) {}

            @Override
            public void accept(PageBatch batch) {
                batch.release();
            }

            @Override
            public String finish(Ending ending) {
                return "image";
            }

            @Override
            public void abort(@Nullable String reason) {}

            @Override
            public void close() {
                closed.add(1);
            }
        };
    }

    private static SnapshotReport report(List<Missing> missing) {
        return new SnapshotReport(
                "/data/x.image",
                "ab".repeat(32),
                new SnapshotReport.Course(true, 4, true, 3_100_000, ""),
                new SnapshotReport.Captured(1L << 30, 262_144, 1000, 0),
                new SnapshotReport.Times(4_212_345, 31_000_000, 380_000_000, 1_900_000_000),
                new SnapshotReport.Waits(1204, 26_000, 110_512, 400_000, 0),
                missing);
    }
}
