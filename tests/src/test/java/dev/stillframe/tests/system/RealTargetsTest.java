package dev.stillframe.tests.system;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.engine.capture.SnapshotReport;
import dev.stillframe.engine.image.ElfCoreExport;
import dev.stillframe.engine.image.ImageReader;
import dev.stillframe.engine.image.ImageVerifier;
import dev.stillframe.engine.image.ImageWriter;
import dev.stillframe.engine.instant.Layout;
import dev.stillframe.tests.image.DirectoryTree;
import dev.stillframe.tests.target.AllocatingJvm;
import dev.stillframe.tests.target.JavaCommand;
import dev.stillframe.tests.target.NativeProgram;
import dev.stillframe.tests.target.ProcessFacts;
import dev.stillframe.tests.target.TargetProcess;
import dev.stillframe.tests.target.Tool;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Programs that know nothing of us, under load: they go on, and debuggers read their images. */
@Timeout(value = 5, unit = TimeUnit.MINUTES)
class RealTargetsTest {
    private Path directory = Path.of("");

    @BeforeEach
    void makeDirectory() throws IOException {
        directory = Files.createTempDirectory(NativeProgram.scratch(), "real-");
    }

    @AfterEach
    void deleteDirectory() throws IOException {
        DirectoryTree.delete(directory);
    }

    @Test
    void redisUnderLoadGoesOnAndGdbReadsItsCore() throws Exception {
        String socket = Files.createTempDirectory("stillframe-redis").resolve("s").toString();
        List<String> server =
                List.of(
                        "redis-server",
                        "--port",
                        "0",
                        "--unixsocket",
                        socket,
                        "--save",
                        "",
                        "--maxmemory",
                        "256mb",
                        "--maxmemory-policy",
                        "allkeys-random");
        List<String> load =
                List.of(
                        "redis-benchmark",
                        "-s",
                        socket,
                        "-t",
                        "set,get",
                        "-r",
                        "100000",
                        "-d",
                        "512",
                        "-n",
                        "2000000000",
                        "-q");
        try (TargetProcess redis = TargetProcess.start(server)) {
            redis.awaitLine("eady to accept connections");
            Tool.run(
                    List.of(
                            "redis-cli",
                            "-s",
                            socket,
                            "set",
                            "marker",
                            "written before the snapshot"));
            try (TargetProcess benchmark = TargetProcess.start(load)) {
                for (int turn = 0; turn < 3; turn++) {
                    Layout layout = snapshotToCore(redis.pid());
                    assertThat(backtraces(Path.of("/proc/" + redis.pid() + "/exe").toRealPath()))
                            .hasSize(layout.threads().size())
                            .allSatisfy(trace -> assertThat(trace).contains("#0 "));
                    String commands = "total_commands_processed";
                    long before = info(socket, commands);
                    assertThat(info(socket, commands))
                            .as("redis still serves")
                            .isGreaterThan(before);
                    assertThat(benchmark.isAlive()).isTrue();
                }
            }
            assertThat(Tool.run(List.of("redis-cli", "-s", socket, "ping"))).contains("PONG");
            assertThat(new ProcessFacts(redis.pid()).protectedMappings()).isEmpty();
        } finally {
            DirectoryTree.delete(Path.of(socket).toAbsolutePath().resolveSibling(""));
        }
    }

    @Test
    void aJvmUnderAllocationGoesOnAndJhsdbReadsItsCore() throws Exception {
        try (TargetProcess jvm =
                TargetProcess.start(
                        JavaCommand.of(
                                AllocatingJvm.class, List.of("-Xmx256m", "-Xms256m"), List.of()))) {
            jvm.awaitLine("ready");
            for (int turn = 0; turn < 2; turn++) {
                snapshotToCore(jvm.pid());
                assertThat(jvm.isAlive()).isTrue();
            }
            Path home = JavaCommand.home();
            String stacks =
                    Tool.run(
                            List.of(
                                    home.resolve("bin/jhsdb").toString(),
                                    "jstack",
                                    "--exe",
                                    home.resolve("bin/java").toString(),
                                    "--core",
                                    core().toString()));
            assertThat(stacks)
                    .contains("allocator-0", "allocator-1", "AllocatingJvm.allocateForever");
            jvm.writeLine("how many");
            assertThat(jvm.awaitLine("allocated=")).isNotEmpty();
        }
    }

    @Test
    void aPythonInterpreterIsReadable() throws Exception {
        String script =
                """
                import os, sys
                numbers = {i: str(i) for i in range(200000)}
                marker = 'stillframe' + ' is here: %d' % os.getpid()
                print('ready', flush=True)
                for line in sys.stdin:
                    print('sum', sum(int(v) for v in numbers.values()), flush=True)
                """;
        try (TargetProcess python =
                TargetProcess.start(List.of("/usr/bin/env", "python3", "-c", script))) {
            python.awaitLine("ready");
            Layout layout = snapshotToCore(python.pid());
            assertThat(layout.source().arguments()).contains("-c");
            assertThat(backtraces(Path.of("/proc/" + python.pid() + "/exe").toRealPath()))
                    .hasSize(1);
            byte[] marker = ("stillframe is here: " + python.pid()).getBytes(US_ASCII);
            assertThat(indexOf(Files.readAllBytes(core()), marker))
                    .as("the string in the core")
                    .isNotNegative();
            python.writeLine("sum");
            assertThat(python.awaitLine("sum")).isEqualTo("sum 19999900000");
        }
    }

    @Test
    void gdbShowsEveryOneOfTwoHundredThreads() throws Exception {
        try (TargetProcess target = TargetProcess.startNative("threads200", List.of())) {
            target.awaitReady();
            Layout layout = snapshotToCore(target.pid());
            assertThat(layout.threads()).hasSize(201);
            List<String> traces = backtraces(NativeProgram.of("threads200"));
            assertThat(traces).hasSize(201);
            assertThat(traces).filteredOn(trace -> trace.contains("known_outer")).hasSize(200);
            for (String place :
                    List.of(
                            "thread_in_read",
                            "thread_in_futex",
                            "thread_in_poll",
                            "thread_in_sleep")) {
                assertThat(traces).filteredOn(trace -> trace.contains(place)).hasSize(49);
            }
            assertThat(traces).filteredOn(trace -> trace.contains("thread_spinning")).hasSize(4);
            assertThat(traces)
                    .filteredOn(trace -> trace.contains("wait_for_end_of_input"))
                    .hasSize(1);
        }
    }

    private Path core() {
        return directory.resolve("core");
    }

    /** Takes a snapshot to disk, verifies it and writes it as a core file. */
    private Layout snapshotToCore(int pid) throws Exception {
        Path image = directory.resolve("image");
        DirectoryTree.delete(image);
        SnapshotReport report;
        try (ImageWriter writer = ImageWriter.create(image)) {
            report = Snapshots.take(pid, writer);
        }
        assertThat(report.captured().pages()).isPositive();
        assertThat(ImageVerifier.verify(image, ImageVerifier.Progress.NONE).intact()).isTrue();
        try (ImageReader reader = ImageReader.open(image)) {
            ElfCoreExport.write(reader, core(), true);
            return reader.layout();
        }
    }

    /** One string for each thread that gdb finds in the core. */
    private List<String> backtraces(Path executable) throws IOException, InterruptedException {
        String printed =
                Tool.run(
                        List.of(
                                "gdb",
                                "-nx",
                                "-batch",
                                "-ex",
                                "thread apply all backtrace",
                                executable.toString(),
                                core().toString()));
        List<String> parts = List.of(Pattern.compile("(?m)^Thread \\d+ ").split(printed, -1));
        return parts.subList(1, parts.size());
    }

    private static long info(String socket, String field) throws IOException, InterruptedException {
        return Tool.run(List.of("redis-cli", "-s", socket, "info", "stats"))
                .lines()
                .filter(line -> line.startsWith(field + ":"))
                .mapToLong(line -> Long.parseLong(line.substring(field.length() + 1).trim()))
                .findFirst()
                .orElseThrow();
    }

    private static int indexOf(byte[] bytes, byte[] wanted) {
        for (int at = 0; at <= bytes.length - wanted.length; at++) {
            if (Arrays.equals(bytes, at, at + wanted.length, wanted, 0, wanted.length)) {
                return at;
            }
        }
        return -1;
    }
}
