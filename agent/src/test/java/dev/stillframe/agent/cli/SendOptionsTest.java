package dev.stillframe.agent.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stillframe.agent.job.Destination;
import dev.stillframe.agent.job.Parts;
import dev.stillframe.agent.job.RateFile;
import dev.stillframe.engine.capture.SnapshotException;
import dev.stillframe.engine.page.DiscardingSink;
import dev.stillframe.transport.encoding.Preset;
import dev.stillframe.transport.sender.RateLimit;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** How pages are sent: what is typed reaches the transport. */
@Timeout(60)
class SendOptionsTest {
    private static final String SNAPSHOT = "snapshot --pid 1 --to 127.0.0.1:7070 --name n ";

    @TempDir private Path directory;

    private final StringWriter err = new StringWriter();
    private final List<Destination> opened = new ArrayList<>();
    private final List<Duration> patience = new ArrayList<>();

    @Test
    void whatTheUserChoseReachesTheTransport() {
        run(
                SNAPSHOT
                        + "--lanes 3 --rate 100M --retry-for 5m --timeout 9s --staging 64M --compress small");
        assertThat(opened.getFirst())
                .isInstanceOfSatisfying(
                        Destination.Remote.class,
                        remote -> {
                            assertThat(remote.options().lanes()).isEqualTo(3);
                            assertThat(remote.options().preset()).isEqualTo(Preset.SMALL);
                            assertThat(remote.options().retainBytes()).isEqualTo(16L << 20);
                            assertThat(remote.options().giveUpAfter())
                                    .isEqualTo(Duration.ofMinutes(5));
                            assertThat(remote.options().timeouts().stall())
                                    .isEqualTo(Duration.ofSeconds(9));
                            assertThat(remote.rate().bytesPerSecond()).isEqualTo(100L << 20);
                        });
        assertThat(patience.getFirst()).isGreaterThan(Duration.ofMinutes(5));
    }

    @Test
    void withoutALimitOfTheUsersNothingEndsTheAttempts() {
        run(SNAPSHOT);
        assertThat(opened.getFirst())
                .isInstanceOfSatisfying(
                        Destination.Remote.class,
                        remote -> {
                            assertThat(remote.options().giveUpAfter()).isNull();
                            assertThat(remote.rate().bytesPerSecond()).isZero();
                        });
        assertThat(patience.getFirst()).isGreaterThan(Duration.ofDays(365));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "--lanes 0",
                "--lanes 65",
                "--lanes many",
                "--rate fast",
                "--compress much",
                "--retry-for 0s",
                "--retry-for soon"
            })
    void whatCannotBeIsWrongUsage(String options) {
        assertThat(run(SNAPSHOT + options)).isEqualTo(ExitCode.USAGE);
    }

    @Test
    void anImageOnThisHostIsNotSent() {
        assertThat(run("snapshot --pid 1 --out x --rate 1M")).isEqualTo(ExitCode.USAGE);
        assertThat(err.toString()).contains("need --to");
    }

    @Test
    void aRateFileIsFollowed() throws IOException {
        Path file = Files.writeString(directory.resolve("rate"), "1M\n");
        RateLimit limit = new RateLimit(RateLimit.UNLIMITED);
        try (RateFile _ = new RateFile(file, text -> ByteSize.parse(text).bytes(), limit)) {
            assertThat(limit.bytesPerSecond()).isEqualTo(1L << 20);
            Files.writeString(file, "2M");
            while (limit.bytesPerSecond() != 2L << 20) { // the test has a timeout
                Thread.onSpinWait();
            }
        }
    }

    @Test
    void aFileWithoutARateIsRefusedAtOnce() throws IOException {
        Path file = Files.writeString(directory.resolve("rate"), "as you like");
        assertThat(run(SNAPSHOT + "--rate-file " + file)).isEqualTo(ExitCode.FAILED);
        assertThat(err.toString()).contains("holds no rate", "as you like");
        assertThatThrownBy(
                        () ->
                                new RateFile(
                                        directory.resolve("nowhere"),
                                        Long::parseLong,
                                        new RateLimit(0)))
                .isInstanceOf(IOException.class);
    }

    private int run(String line) {
        Parts parts =
                new Parts(
                        (pid, sink, setting) -> {
                            patience.add(setting.options().stallTimeout());
                            throw new SnapshotException("enough");
                        },
                        (machine, sink, setting) -> {
                            throw new SnapshotException("no machine here");
                        },
                        (pid, setting) -> {
                            throw new SnapshotException("not asked for");
                        },
                        (destination, registry) -> {
                            opened.add(destination);
                            return new DiscardingSink();
                        },
                        (listen, store, credentials, events, registry) -> {
                            throw new IOException("not here");
                        },
                        List::of);
        return Commands.create(parts)
                .setOut(new PrintWriter(new StringWriter()))
                .setErr(new PrintWriter(err))
                .execute(line.strip().split(" +"));
    }
}
