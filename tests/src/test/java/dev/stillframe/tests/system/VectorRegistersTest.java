package dev.stillframe.tests.system;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.stillframe.engine.image.ElfCoreExport;
import dev.stillframe.engine.image.ImageReader;
import dev.stillframe.engine.image.ImageWriter;
import dev.stillframe.tests.image.DirectoryTree;
import dev.stillframe.tests.target.NativeProgram;
import dev.stillframe.tests.target.TargetProcess;
import dev.stillframe.tests.target.Tool;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * What gdb shows of vector registers in a core file is what the program put there ({@code
 * vectors.c}).
 */
@Timeout(120)
class VectorRegistersTest {
    private static final int HOLDER = 2;

    private Path directory = Path.of("");
    private TargetProcess target;
    private Map<String, Long> facts = Map.of();

    @BeforeEach
    void startTarget() throws Exception {
        directory = Files.createTempDirectory(NativeProgram.scratch(), "vectors-");
        target = TargetProcess.startNative("vectors", List.of());
        facts = target.awaitReady();
    }

    @AfterEach
    void endTarget() throws IOException {
        target.close();
        DirectoryTree.delete(directory);
    }

    @Test
    void ofTheCoreAreThoseOfTheLiveThread() throws Exception {
        List<String> expressions =
                IntStream.range(0, 16).mapToObj(n -> "$ymm%d.v4_int64".formatted(n)).toList();
        List<String> live = gdb(List.of("-p", Integer.toString(target.pid())), expressions);
        assertThat(live).isEqualTo(IntStream.range(0, 16).mapToObj(n -> words(n, 4)).toList());
        assertThat(gdb(core(), expressions)).isEqualTo(live);
    }

    @Test
    void wideRegistersAndTheirMasksAreInTheCore() throws Exception {
        assumeTrue(facts.getOrDefault("wide", 0L) == 1, "the processor has no AVX-512");
        List<String> expressions = new ArrayList<>();
        List<String> values = new ArrayList<>();
        for (int n = 0; n < 32; n++) {
            expressions.add("$zmm%d.v8_int64".formatted(n));
            values.add(words(n, 8));
        }
        for (int n = 0; n < 8; n++) {
            expressions.add("$k%d".formatted(n));
            values.add("0x%x".formatted(0x5700 + n));
        }
        assertThat(gdb(core(), expressions)).isEqualTo(values);
    }

    @Test
    void theRegisterOfProtectionKeysIsInTheCore() throws Exception {
        assumeTrue(facts.getOrDefault("keys", 0L) == 1, "the processor has no protection keys");
        assertThat(gdb(core(), List.of("$pkru"))).containsExactly("0x55555514");
    }

    /** As {@code vectors.c} sets the register. */
    private static String words(int register, int count) {
        return IntStream.range(0, count)
                .mapToObj(
                        word ->
                                "0x%x"
                                        .formatted(
                                                (register + 1L) << 56 | (word + 1L) << 48 | 0x5717))
                .collect(Collectors.joining(", ", "{", "}"));
    }

    /** Takes an image and gives gdb's arguments for its core. */
    private List<String> core() throws Exception {
        Path image = directory.resolve("image");
        try (ImageWriter writer = ImageWriter.create(image)) {
            Snapshots.take(target.pid(), writer);
        }
        Path core = directory.resolve("core");
        try (ImageReader reader = ImageReader.open(image)) {
            ElfCoreExport.write(reader, core, false);
        }
        return List.of(NativeProgram.of("vectors").toString(), core.toString());
    }

    /** What gdb prints for each expression in the thread that holds the values. */
    private static List<String> gdb(List<String> what, List<String> expressions)
            throws IOException, InterruptedException {
        List<String> command =
                new ArrayList<>(List.of("gdb", "-nx", "-batch", "-ex", "thread " + HOLDER));
        for (String expression : expressions) {
            command.addAll(List.of("-ex", "print/x " + expression));
        }
        command.addAll(what);
        String printed = Tool.run(command);
        assertThat(printed.toLowerCase(Locale.ROOT)).doesNotContain("xstate");
        return printed.lines()
                .filter(line -> line.matches("\\$\\d+ = .*"))
                .map(line -> line.substring(line.indexOf('=') + 2))
                .toList();
    }
}
