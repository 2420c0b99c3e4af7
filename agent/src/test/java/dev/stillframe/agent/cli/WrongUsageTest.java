package dev.stillframe.agent.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.agent.job.Parts;
import dev.stillframe.engine.capture.SnapshotException;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * A wrong command line is answered with what is missing, not with what was found where it should
 * have been.
 */
class WrongUsageTest {
    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    /** What a script runs when its variable is empty: an underscore stands for an empty word. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '>',
            value = {
                "snapshot --pid --out X > the PID of --pid is missing",
                "snapshot --pid _ --out X > the PID of --pid is missing",
                "snapshot --pid= --out X > the PID of --pid is missing",
                "snapshot --out --pid 1 > the IMAGE of --out is missing",
                "snapshot --pid 1 --out > the IMAGE of --out is missing",
                "snapshot --pid 1 --out _ > the IMAGE of --out is missing",
                "snapshot --qmp --out X > the SOCKET of --qmp is missing",
                "snapshot --qmp _ --out X > the SOCKET of --qmp is missing",
                "snapshot --pid 1 --to --name n > the HOST:PORT|unix:PATH of --to is missing",
                "snapshot --to h:1 --name --pid 1 > the NAME of --name is missing",
                "snapshot --pid 1 --out X --parent --json > the IMAGE of --parent is missing",
                "snapshot --pid 1 --out X --staging --json > the SIZE of --staging is missing",
                "snapshot --pid 1 --to h:1 --name n --tls-cert --tls-key k > the FILE of --tls-cert is missing",
                "receive --listen --store x > the HOST:PORT|unix:PATH of --listen is missing",
                "receive --listen 127.0.0.1:0 --store _ > the DIR of --store is missing",
                "export --format raw --range --force > the START-END of --range is missing",
                "verify --parents --json x > the DIR of --parents is missing",
                "show _ > the IMAGE is missing",
                "remove --store _ x > the DIR of --store is missing",
            })
    void aValueThatIsMissingIsNamed(String typed, String said) {
        assertThat(run(typed)).isEqualTo(2);
        assertThat(err.toString().lines())
                .singleElement()
                .asString()
                .contains(said)
                .contains("is a variable empty?")
                .doesNotContain("found");
        assertThat(out.toString()).isEmpty();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '>',
            value = {
                "snapshot 1234 > a process is named by --pid 1234",
                "snapshot 1234 --out X > a process is named by --pid 1234",
                "snapshot --pid 1 2 --out X > a process is named by --pid 2, one for each image",
                "snapshot --pid 1 --out X Y > 'Y' is one word too much",
                "doctor 1234 > '1234' is one word too much",
                "snapshot --pid 1 --out X --bogus > Unknown option: '--bogus'",
                "receive --listen 127.0.0.1:0 > Missing required option: '--store=DIR'",
                "restore x --qemu > look at it with --print and add --yes",
                "restore x --qemu --from 127.0.0.1:1 > look at it with --print and add --yes",
                "show > Missing required parameter: 'IMAGE'",
            })
    void aWordThatIsTooMuchIsExplained(String typed, String said) {
        assertThat(run(typed)).isEqualTo(2);
        assertThat(err.toString()).contains(said);
    }

    @Test
    void whatATerminalWouldObeyIsNotPrinted() {
        assertThat(run("snapshot --pid 1 --out X")).isEqualTo(1);
        assertThat(err.toString()).contains("process evil?[31m? is gone").doesNotContain("\033");
    }

    private int run(String typed) {
        List<String> words = List.of(typed.strip().split(" "));
        return Commands.create(parts())
                .setOut(new PrintWriter(out))
                .setErr(new PrintWriter(err))
                .execute(
                        words.stream()
                                .map(word -> word.equals("_") ? "" : word)
                                .toArray(String[]::new));
    }

    private static Parts parts() {
        return new Parts(
                (pid, sink, setting) -> {
                    throw new IllegalStateException("not asked for");
                },
                (machine, sink, setting) -> {
                    throw new SnapshotException("not asked for");
                },
                (pid, setting) -> {
                    throw new SnapshotException("not asked for");
                },
                (destination, registry) -> {
                    throw new IOException("process evil\033[31m\u009b is gone");
                },
                (listen, store, credentials, events, registry) -> {
                    throw new IOException("not asked for");
                },
                List::of);
    }
}
