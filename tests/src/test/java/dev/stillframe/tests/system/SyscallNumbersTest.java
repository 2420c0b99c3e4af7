package dev.stillframe.tests.system;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.engine.linux.Architecture;
import dev.stillframe.engine.linux.Syscall;
import dev.stillframe.tests.target.NativeProgram;
import dev.stillframe.tests.target.Tool;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** The table of system calls against the headers of this machine. */
class SyscallNumbersTest {
    @Test
    void theTableIsThatOfTheHeaders() throws Exception {
        Map<String, Integer> headers =
                Tool.run(List.of(NativeProgram.of("numbers").toString()))
                        .lines()
                        .map(line -> line.split(" ", 2))
                        .collect(
                                Collectors.toMap(
                                        pair -> pair[0], pair -> Integer.parseInt(pair[1])));
        for (Syscall call : Syscall.values()) {
            assertThat(call.number(Architecture.CURRENT))
                    .as(call.name())
                    .isEqualTo(headers.get(call.name()));
        }
    }
}
