package dev.stillframe.tests.system;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.stillframe.engine.capture.InstantChoice;
import dev.stillframe.engine.capture.Progress;
import dev.stillframe.engine.capture.SnapshotReport;
import dev.stillframe.engine.image.ImageVerifier;
import dev.stillframe.engine.image.ImageWriter;
import dev.stillframe.engine.page.DiscardingSink;
import dev.stillframe.tests.image.DirectoryTree;
import dev.stillframe.tests.target.Installed;
import dev.stillframe.tests.target.NativeProgram;
import dev.stillframe.tests.target.ProcessFacts;
import dev.stillframe.tests.target.Signals;
import dev.stillframe.tests.target.TargetProcess;
import dev.stillframe.tests.target.Tool;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Servers that run as a user of their own, under load: they may make no full userfaultfd, so the
 * instant is at the end, and they go on.
 */
@Timeout(value = 60, unit = TimeUnit.MINUTES)
class OtherUsersTest {
    private static final String USER = "nobody";
    private static final String NO_DEFAULTS = "--no-defaults";

    /** So long that also on a busy machine the rounds come to their end. */
    private static final Duration LONG_PAUSE = Duration.ofSeconds(2);

    private Path directory = Path.of("");

    @BeforeEach
    void makeDirectory() throws Exception {
        assumeTrue(
                Files.readString(Path.of("/proc/sys/vm/unprivileged_userfaultfd")).startsWith("0"),
                "this machine allows every process a full userfaultfd");
        // Not below target: the path of a Unix socket has at most 107 bytes.
        directory = Files.createTempDirectory("stillframe-user");
        Tool.run(List.of("chown", USER, directory.toString()));
    }

    @AfterEach
    void deleteDirectory() throws IOException {
        DirectoryTree.delete(directory);
    }

    @Test
    void aWorkerOfNginxIsCapturedWhileItAnswers() throws Exception {
        assumeTrue(Installed.has("nginx"), "nginx is not installed");
        Path configuration = directory.resolve("nginx.conf");
        Files.writeString(configuration, nginx(directory.toString()));
        try (TargetProcess master =
                TargetProcess.start(
                        List.of("nginx", "-p", directory + "/", "-c", configuration.toString()))) {
            Signals.await("a worker", () -> !children(master).isEmpty());
            int worker = Math.toIntExact(children(master).getFirst().pid());
            Signals.await("a worker that is " + USER, () -> isOtherUsers(worker));
            Signals.await("the socket", () -> Files.exists(directory.resolve("s")));
            try (HttpLoad load = new HttpLoad(directory.resolve("s"))) {
                load.awaitMore();
                mustBeCaptured(worker, Campaign.turns(1, 20), load::awaitMore);
            }
            assertThat(children(master).getFirst().pid())
                    .as("no worker has died")
                    .isEqualTo(worker);
            assertThat(master.unread()).as("what nginx said").isEmpty();
        }
    }

    @Test
    void mariaDbIsCapturedWhileItIsWrittenTo() throws Exception {
        assumeTrue(Campaign.isOn(), "it takes long to make a database");
        assumeTrue(Installed.has("mariadbd"), "mariadb-server is not installed");
        String data = directory.resolve("data").toString();
        Tool.run(
                List.of(
                        "mariadb-install-db",
                        NO_DEFAULTS,
                        "--user=" + USER,
                        "--datadir=" + data,
                        "--auth-root-authentication-method=normal",
                        "--skip-test-db"));
        List<String> server =
                List.of(
                        "mariadbd",
                        NO_DEFAULTS,
                        "--user=" + USER,
                        "--datadir=" + data,
                        "--socket=" + directory.resolve("s"),
                        "--skip-networking",
                        "--innodb-buffer-pool-size=64M",
                        // Else some versions reserve 8 TiB of addresses.
                        "--loose-innodb-buffer-pool-size-max=64M");
        List<String> load =
                client(
                        "mariadb-slap",
                        "--auto-generate-sql",
                        "--auto-generate-sql-load-type=mixed",
                        "--concurrency=2",
                        "--iterations=1000000");
        try (TargetProcess mariadb = TargetProcess.start(server)) {
            mariadb.awaitLine("ready for connections");
            assertThat(isOtherUsers(mariadb.pid())).isTrue();
            Tool.run(
                    client(
                            "mariadb",
                            "-e",
                            "create database d; create table d.t (n int primary key, v text) engine=InnoDB"));
            try (TargetProcess slap = TargetProcess.start(load)) {
                List<Integer> rows = new ArrayList<>();
                mustBeCaptured(
                        mariadb.pid(),
                        3,
                        () -> {
                            rows.add(rows.size());
                            Tool.run(client("mariadb", "-e", insert(rows.getLast())));
                            assertThat(slap.isAlive()).as("the load: %s", slap.unread()).isTrue();
                        });
                assertThat(Tool.run(client("mariadb", "-N", "-e", "select n from d.t order by n")))
                        .hasLineCount(rows.size());
            }
            assertThat(Tool.run(client("mariadb", "-e", "check table d.t extended")))
                    .contains("status\tOK");
        }
    }

    private static String nginx(String place) {
        return """
            daemon off;
            user nobody nogroup;
            worker_processes 1;
            pid %1$s/pid;
            error_log stderr;
            events {}
            http {
              access_log off;
              keepalive_requests 1000000000;
              client_body_temp_path %1$s/body;
              proxy_temp_path %1$s/proxy;
              fastcgi_temp_path %1$s/fastcgi;
              uwsgi_temp_path %1$s/uwsgi;
              scgi_temp_path %1$s/scgi;
              server { listen unix:%1$s/s; location / { return 200 "still here"; } }
            }
            """
                .formatted(place);
    }

    private static String insert(int row) {
        return "insert into d.t values (%d, repeat('%d', 10000))".formatted(row, row);
    }

    private List<String> client(String program, String... arguments) {
        List<String> command =
                new ArrayList<>(
                        List.of(program, NO_DEFAULTS, "--socket=" + directory.resolve("s")));
        command.addAll(List.of(arguments));
        return command;
    }

    /** Something that works only while the server does. */
    @FunctionalInterface
    private interface Sign {
        void look() throws Exception;
    }

    /** At the end, by request and by itself; never at the start. */
    private static void mustBeCaptured(int pid, int turns, Sign lives) throws Exception {
        for (int turn = 0; turn < turns; turn++) {
            for (InstantChoice instant : List.of(InstantChoice.END, InstantChoice.AUTO)) {
                SnapshotReport report = takeAndVerify(pid, instant);
                assertThat(report.course().atEnd()).as("%s", report).isTrue();
                assertThat(report.course().rounds()).isPositive();
                lives.look();
            }
        }
        assertThatThrownBy(() -> Snapshots.take(pid, new DiscardingSink()))
                .hasMessageContaining("EPERM")
                .hasMessageContaining("take the instant at the end");
        lives.look();
        assertThat(new ProcessFacts(pid).protectedMappings()).isEmpty();
    }

    private static SnapshotReport takeAndVerify(int pid, InstantChoice instant) throws Exception {
        Path image = NativeProgram.scratch().resolve("user-" + pid);
        try {
            SnapshotReport report;
            try (ImageWriter writer = ImageWriter.create(image)) {
                report =
                        Snapshots.take(
                                pid,
                                writer,
                                Snapshots.options()
                                        .withInstant(instant)
                                        .withPauseTarget(LONG_PAUSE),
                                Progress.NONE);
            }
            assertThat(ImageVerifier.verify(image, ImageVerifier.Progress.NONE).damages())
                    .isEmpty();
            return report;
        } finally {
            DirectoryTree.delete(image);
        }
    }

    private static List<ProcessHandle> children(TargetProcess process) {
        return ProcessHandle.of(process.pid()).orElseThrow().children().toList();
    }

    private static boolean isOtherUsers(int pid) throws IOException {
        return (int) Files.getAttribute(Path.of("/proc/" + pid), "unix:uid") != 0;
    }

    /** A client that asks again and again, and wants the right answer to each. Thread-safe. */
    private static final class HttpLoad implements AutoCloseable {
        private static final byte[] REQUEST =
                "GET / HTTP/1.1\r\nHost: here\r\n\r\n".getBytes(US_ASCII);

        private final SocketChannel channel;
        private final Thread thread;
        private volatile long answers;
        private volatile String wrong = "";
        private volatile boolean over;

        HttpLoad(Path socket) throws IOException {
            channel = SocketChannel.open(UnixDomainSocketAddress.of(socket));
            thread = Thread.ofPlatform().daemon().name("http load").start(this::askForEver);
        }

        /** Waits for answers to requests that are made from now on. */
        void awaitMore() throws Exception {
            long enough = answers + 100;
            Signals.await("more answers", () -> answers >= enough || !wrong.isEmpty());
            assertThat(wrong).as("the answer that came").isEmpty();
        }

        @SuppressWarnings("NonAtomicVolatileUpdate") // one thread counts
        private void askForEver() {
            ByteBuffer in = ByteBuffer.allocate(1 << 16);
            try {
                while (!over) {
                    channel.write(ByteBuffer.wrap(REQUEST));
                    in.clear();
                    String come = "";
                    while (!come.endsWith("still here")) {
                        if (channel.read(in) < 0) {
                            throw new IOException("the end, after " + come);
                        }
                        come = US_ASCII.decode(in.duplicate().flip()).toString();
                    }
                    if (!come.startsWith("HTTP/1.1 200 OK")) {
                        throw new IOException(come);
                    }
                    answers++;
                }
            } catch (IOException e) {
                wrong = over ? "" : String.valueOf(e.getMessage());
            }
        }

        @Override
        public void close() throws IOException {
            over = true;
            channel.close();
            try {
                thread.join();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt(); // it ends all the same, with its channel
            }
        }
    }
}
