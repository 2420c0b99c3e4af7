package dev.stillframe.tests.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.engine.conformance.kernel.NativeMachine;
import dev.stillframe.tests.target.NativeProgram;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** The bytes that actors run are those that their listing shows. */
class ActorListingTest {
    @Test
    void theAssemblerMakesTheSameBytes() throws Exception {
        List<String> lines = listing();
        Path source = NativeProgram.scratch().resolve("actor.s");
        Path object = source.resolveSibling("actor.o");
        Path code = source.resolveSibling("actor.bin");
        Files.writeString(
                source,
                lines.stream()
                        .map(line -> line.replaceFirst("^\\S+ \\S+ ", "").replaceFirst("#.*", ""))
                        .collect(Collectors.joining("\n", ".intel_syntax noprefix\n", "\n")));
        run("as", "--64", "-o", object.toString(), source.toString());
        run("objcopy", "-O", "binary", "-j", ".text", object.toString(), code.toString());
        String listed =
                lines.stream().map(line -> line.split(" ")[1]).collect(Collectors.joining());
        assertThat(HexFormat.of().formatHex(Files.readAllBytes(code))).isEqualTo(listed);
    }

    private static List<String> listing() throws Exception {
        try (InputStream in = NativeMachine.class.getResourceAsStream("actor.lst")) {
            assertThat(in).isNotNull();
            String text = new String(in.readAllBytes(), StandardCharsets.UTF_8);
            return text.lines().filter(line -> !line.startsWith("#")).toList();
        }
    }

    private static void run(String... command) throws Exception {
        Process process =
                new ProcessBuilder(command)
                        .redirectErrorStream(true)
                        .redirectOutput(NativeProgram.scratch().resolve("actor.log").toFile())
                        .start();
        assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
        assertThat(process.exitValue())
                .as(Files.readString(NativeProgram.scratch().resolve("actor.log")))
                .isZero();
    }
}
