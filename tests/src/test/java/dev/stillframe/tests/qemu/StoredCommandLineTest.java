package dev.stillframe.tests.qemu;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.stillframe.agent.Main;
import dev.stillframe.tests.image.DirectoryTree;
import dev.stillframe.tests.target.JavaCommand;
import dev.stillframe.tests.target.NativeProgram;
import dev.stillframe.tests.target.Tool;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * A machine runs from the command line that stands in its image only if somebody agrees, and
 * without what led to its host.
 */
@Timeout(value = 20, unit = TimeUnit.MINUTES)
class StoredCommandLineTest {
    /**
     * Runs a command on a terminal, types an answer to its question, and prints what it showed and
     * how it ended.
     */
    private static final String ON_A_TERMINAL =
            """
            import os, pty, select, sys
            pid, fd = pty.fork()
            if pid == 0:
                os.execvp(sys.argv[2], sys.argv[2:])
            text, answered, ended = b"", False, 0
            while not ended:
                if select.select([fd], [], [], 0.1)[0]:
                    try:
                        text += os.read(fd, 65536)
                    except OSError:
                        pass
                if not answered and b"[yes/no]" in text:
                    answered = True
                    os.write(fd, sys.argv[1].encode() + b"\\n")
                ended, status = os.waitpid(pid, os.WNOHANG)
            while select.select([fd], [], [], 0.1)[0]:
                try:
                    text += os.read(fd, 65536)
                except OSError:
                    break
            print(text.decode(errors="replace"))
            print("exit", os.waitstatus_to_exitcode(status))
            """;

    private static Path directory = Path.of("");
    private static Path image = Path.of("");

    @BeforeAll
    static void takeAnImage() throws Exception {
        directory = Files.createTempDirectory(NativeProgram.scratch(), "stored-");
        image = directory.resolve("image");
        try (Guest guest =
                Guest.start(
                        GuestOptions.of(256, 64)
                                .withRate(2_000)
                                .with(List.of("-monitor", "tcp:127.0.0.1:0,server=on,wait=off")))) {
            guest.awaitRunning();
            MachineImages.take(guest, image);
        }
    }

    @AfterAll
    static void deleteDirectory() throws IOException {
        DirectoryTree.delete(directory);
    }

    @Test
    void agreedToInAScriptItRunsWithoutItsHost() throws Exception {
        String printed = Tool.run(command("--yes", "--json"));
        JsonNode facts = new ObjectMapper().readTree(printed.substring(printed.indexOf("{\"")));
        ProcessHandle qemu = ProcessHandle.of(facts.path("pid").asLong()).orElseThrow();
        try {
            assertThat(facts.path("running").asBoolean()).isTrue();
            String line =
                    Files.readString(Path.of("/proc/" + qemu.pid() + "/cmdline"), UTF_8)
                            .replace('\0', ' ');
            assertThat(line)
                    .contains(
                            "-chardev null,id=serial0",
                            "-serial chardev:serial0",
                            "mem-path=" + image)
                    .doesNotContain("-monitor", "-pidfile", "socket,id");
        } finally {
            qemu.destroyForcibly();
        }
    }

    @Test
    void aPersonIsShownItAndAsked() throws Exception {
        String refused = onATerminal("no");
        assertThat(refused)
                .contains("says that it is of process", "QEMU ", "qemu-system-x86_64 ")
                .contains(
                        "not taken as it stood there: -monitor tcp:127.0.0.1:0",
                        "not run",
                        "exit 1");
        assertThat(onATerminal("yes")).contains("running", "exit 0");
    }

    private static String onATerminal(String answer) throws Exception {
        List<String> all = new ArrayList<>(List.of("python3", "-c", ON_A_TERMINAL, answer));
        all.addAll(command());
        return Tool.run(all);
    }

    private static List<String> command(String... options) {
        List<String> typed = new ArrayList<>(List.of("restore", image.toString(), "--qemu"));
        typed.addAll(List.of(options));
        return JavaCommand.of(
                Main.class, List.of("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"), typed);
    }
}
