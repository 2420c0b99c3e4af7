package dev.stillframe.engine.process;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

class MappingTest {
    private static final int SELF = (int) ProcessHandle.current().pid();

    @Test
    void ourOwnMappingsAreReadInOrderAndWhole() throws Exception {
        List<Mapping> mappings = Mapping.of(SELF);
        for (int i = 1; i < mappings.size(); i++) {
            assertThat(mappings.get(i).range().start())
                    .isGreaterThanOrEqualTo(mappings.get(i - 1).range().end());
        }
        assertThat(mappings)
                .anyMatch(m -> m.name().equals("[stack]") && m.isWritable() && !m.isShared());
        assertThat(mappings).anyMatch(m -> m.name().endsWith("/libjvm.so") && m.inode() > 0);
        assertThat(mappings).noneMatch(m -> m.name().equals("[vsyscall]"));
    }

    @Test
    void flagsAreKnownForMappingsThatStay() throws Exception {
        Mapping stack =
                Mapping.of(SELF).stream()
                        .filter(m -> m.name().equals("[stack]"))
                        .findFirst()
                        .orElseThrow();
        assertThat(Mapping.flags(SELF).get(stack.range().start())).contains("rd", "wr", "gd");
    }

    @Test
    void ourselvesAThreadAndNobodyAreRefused() throws Exception {
        assertThatThrownBy(() -> TargetProcess.open(SELF)).hasMessageContaining("hangs");
        assertThatThrownBy(() -> TargetProcess.open(0)).hasMessageContaining("positive");
        assertThatThrownBy(() -> TargetProcess.open(Integer.MAX_VALUE))
                .hasMessageContaining("no process");
        try (var threads = Files.list(Path.of("/proc/self/task"))) {
            int tid =
                    threads.mapToInt(path -> Integer.parseInt(path.getFileName().toString()))
                            .filter(id -> id != SELF)
                            .findFirst()
                            .orElseThrow();
            assertThatThrownBy(() -> TargetProcess.open(tid))
                    .hasMessageContaining("thread of process " + SELF);
        }
    }
}
