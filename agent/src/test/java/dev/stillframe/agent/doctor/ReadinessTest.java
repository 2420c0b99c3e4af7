package dev.stillframe.agent.doctor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stillframe.agent.doctor.Readiness.Finding;
import dev.stillframe.agent.doctor.Readiness.Status;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ReadinessTest {
    private static final String ALL_CAPABILITIES = "000001ffffffffff";

    @TempDir Path root;
    private ProcFindings findings = new ProcFindings(Path.of("/proc"), Path.of("/sys"));

    @BeforeEach
    void aGoodMachine() throws IOException {
        write("proc/sys/kernel/osrelease", "6.18.44\n");
        write("proc/sys/vm/unprivileged_userfaultfd", "1\n");
        write("proc/self/status", "Name:\tjava\nCapEff:\t" + ALL_CAPABILITIES + "\nSeccomp:\t0\n");
        write(
                "proc/self/limits",
                "Max open files            1024                 4096                 files\n");
        write(
                "proc/meminfo",
                "MemTotal: 8388608 kB\nMemAvailable: 4194304 kB\nHugePages_Total:  7\n");
        write("sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n");
        findings = new ProcFindings(root.resolve("proc"), root.resolve("sys"));
    }

    @Test
    void aGoodMachineHasNothingToChange() {
        assertThat(findings.all()).allMatch(finding -> finding.status() == Status.OK);
        assertThat(Readiness.isReady(findings.all())).isTrue();
        assertThat(findings.hugePages().found()).contains("madvise").contains("7");
    }

    @ParameterizedTest
    @CsvSource({
        "6.8.0-45-generic,FAIL",
        "5.15.2,FAIL",
        "6.9.0,OK",
        "6.18.44,OK",
        "7.0,OK",
        "nonsense,FAIL"
    })
    void anOldKernelIsInTheWay(String release, Status status) throws IOException {
        write("proc/sys/kernel/osrelease", release);
        assertThat(findings.kernel().status()).isEqualTo(status);
        assertThat(findings.kernel().found()).isEqualTo(release);
    }

    @Test
    void withoutCapabilitiesTheRemedyIsNamed() throws IOException {
        write("proc/self/status", "CapEff:\t0000000000000000\nSeccomp:\t2\n");
        assertThat(findings.privileges()).allMatch(finding -> finding.status() == Status.WARN);
        assertThat(findings.privileges().getFirst().remedy()).contains("root");
        assertThat(findings.seccomp().status()).isEqualTo(Status.WARN);
    }

    @Test
    void adminStandsInForCheckpointRestore() throws IOException {
        write("proc/self/status", "CapEff:\t" + Long.toHexString(1L << 21 | 1L << 19) + "\n");
        assertThat(findings.privileges()).allMatch(finding -> finding.status() == Status.OK);
    }

    @ParameterizedTest
    @CsvSource({"0,0,OK", "1,0,FAIL", "2,0,FAIL", "3,0,FAIL", "1,80000,OK", "3,80000,FAIL"})
    void yamaMattersOnlyWithoutTheCapability(String scope, String capabilities, Status status)
            throws IOException {
        write("proc/sys/kernel/yama/ptrace_scope", scope + "\n");
        write("proc/self/status", "CapEff:\t" + capabilities + "\n");
        assertThat(findings.yama().status()).isEqualTo(status);
    }

    @Test
    void aKernelWithoutUserfaultfdIsInTheWay() throws IOException {
        Files.delete(root.resolve("proc/sys/vm/unprivileged_userfaultfd"));
        assertThat(findings.unprivileged().status()).isEqualTo(Status.FAIL);
        assertThat(Readiness.isReady(findings.all())).isFalse();
    }

    @Test
    void littleMemoryAndFewFilesAreWarnings() throws IOException {
        write("proc/meminfo", "MemAvailable: 524288 kB\n");
        write(
                "proc/self/limits",
                "Max open files            64                   4096                 files\n");
        assertThat(findings.memory().status()).isEqualTo(Status.WARN);
        assertThat(findings.memory().found()).contains("512 MiB");
        assertThat(findings.openFiles().status()).isEqualTo(Status.WARN);
    }

    @Test
    void nothingToReadIsAFindingAndNotAnException() {
        ProcFindings blind = new ProcFindings(root.resolve("nowhere"), root.resolve("nowhere"));
        assertThat(Readiness.isReady(blind.all())).isFalse();
    }

    @Test
    void javaAndMachineAreJudged() {
        assertThat(JavaFindings.java(25, "VM").status()).isEqualTo(Status.OK);
        assertThat(JavaFindings.java(21, "VM").status()).isEqualTo(Status.FAIL);
        assertThat(JavaFindings.machine("Linux", "amd64").status()).isEqualTo(Status.OK);
        assertThat(JavaFindings.machine("Linux", "aarch64").status()).isEqualTo(Status.WARN);
        assertThat(JavaFindings.machine("Linux", "riscv64").status()).isEqualTo(Status.FAIL);
        assertThat(JavaFindings.machine("Mac OS X", "aarch64").status()).isEqualTo(Status.FAIL);
    }

    @Test
    void everyFindingThatIsNotGoodHasARemedy() {
        assertThatThrownBy(() -> new Finding("x", Status.FAIL, "y", ""))
                .isInstanceOf(IllegalArgumentException.class);
    }

    private void write(String file, String text) throws IOException {
        Path path = root.resolve(file);
        Files.createDirectories(path.getParent());
        Files.writeString(path, text);
    }
}
