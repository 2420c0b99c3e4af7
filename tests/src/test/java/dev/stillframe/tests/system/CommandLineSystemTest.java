package dev.stillframe.tests.system;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.stillframe.tests.target.Launcher;
import dev.stillframe.tests.target.NativeProgram;
import dev.stillframe.tests.target.TargetProcess;
import dev.stillframe.tests.target.Tool;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The program as a user starts it, by its launcher, on processes that know nothing of it. */
@Timeout(300)
class CommandLineSystemTest {
    private Path directory = Path.of("");

    @BeforeEach
    void makeDirectory() throws IOException {
        directory = Files.createTempDirectory(NativeProgram.scratch(), "cli-");
    }

    @AfterEach
    void removeDirectory() throws IOException {
        try (Stream<Path> files = Files.walk(directory)) {
            for (Path file : files.sorted((a, b) -> b.compareTo(a)).toList()) {
                Files.delete(file);
            }
        }
    }

    @Test
    void theDemonstrationVerifiesWhatItReceived() throws Exception {
        assertThat(stillframe("demo")).contains("verified    yes");
    }

    @Test
    void anImageIsTakenShownVerifiedAndExported() throws Exception {
        Path image = directory.resolve("python.image");
        JsonNode facts;
        try (TargetProcess target = python()) {
            facts =
                    json(
                            "snapshot",
                            "--json",
                            "--pid",
                            Integer.toString(target.pid()),
                            "--out",
                            image.toString());
        }
        assertThat(facts.get("missing")).isEmpty();
        assertThat(facts.get("pages").asLong()).isPositive();
        assertThat(json("verify", "--json", image.toString()).get("root_hash"))
                .isEqualTo(facts.get("root_hash"));
        assertThat(stillframe("show", image.toString())).contains(facts.get("root_hash").asText());
        Path core = directory.resolve("python.core");
        stillframe("export", "--format", "elf-core", image.toString(), core.toString());
        assertThat(Tool.run(List.of("gdb", "-batch", "-ex", "info threads", "-c", core.toString())))
                .contains("LWP");
    }

    @Test
    void aDamagedPageIsFoundByItsAddress() throws Exception {
        Path image = directory.resolve("damaged.image");
        try (TargetProcess target = python()) {
            stillframe(
                    "snapshot", "--pid", Integer.toString(target.pid()), "--out", image.toString());
        }
        Path pages = image.resolve("pages");
        try (RandomAccessFile file = new RandomAccessFile(pages.toFile(), "rw")) {
            long at = firstByteThatIsNotZero(file);
            file.seek(at);
            int value = file.read();
            file.seek(at);
            file.write(value ^ 1);
        }
        assertThatThrownBy(() -> stillframe("verify", image.toString()))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("hash");
    }

    private static long firstByteThatIsNotZero(RandomAccessFile file) throws IOException {
        for (long at = 0; ; at++) {
            file.seek(at);
            if (file.read() != 0) {
                return at;
            }
        }
    }

    private static TargetProcess python() throws Exception {
        TargetProcess target =
                TargetProcess.start(
                        List.of(
                                "python3",
                                "-c",
                                "import sys; print('ready', flush=True); sys.stdin.read()"));
        target.awaitReady();
        return target;
    }

    private static JsonNode json(String... arguments) throws Exception {
        String printed = stillframe(arguments);
        return new ObjectMapper().readTree(printed.substring(printed.indexOf('{')));
    }

    private static String stillframe(String... arguments) throws Exception {
        List<String> command = new ArrayList<>(List.of(Launcher.PATH.toString()));
        command.addAll(List.of(arguments));
        return Tool.run(command);
    }
}
