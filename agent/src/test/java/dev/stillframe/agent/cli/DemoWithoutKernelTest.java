package dev.stillframe.agent.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.agent.doctor.Readiness.Finding;
import dev.stillframe.agent.doctor.Readiness.Status;
import dev.stillframe.agent.job.Parts;
import dev.stillframe.agent.job.Wiring;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import picocli.CommandLine;

/** Where processes cannot be captured, the demonstration says why and shows an arena: for real. */
@Timeout(120)
class DemoWithoutKernelTest {
    private static final Finding IN_THE_WAY =
            new Finding("userfaultfd", Status.FAIL, "EPERM", "run as root");

    @Test
    void theDemoRunsOnAnArena() {
        Parts real = Wiring.parts();
        Parts parts =
                new Parts(
                        real.taker(),
                        real.machines(),
                        real.watches(),
                        real.opener(),
                        real.receptions(),
                        () -> List.of(IN_THE_WAY));
        CommandLine commands = Commands.create(parts);
        StringWriter out = new StringWriter();
        commands.setOut(new PrintWriter(out, true));
        assertThat(commands.execute("demo", "--memory", "16M", "--threads", "2", "--json"))
                .isZero();
        assertThat(out.toString())
                .contains("\"verified\":true", "run as root", "\"memory_bytes\":16777216");
    }
}
