package dev.stillframe.agent.qemu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.OptionalInt;
import java.util.Set;
import org.junit.jupiter.api.Test;

/**
 * A conversation with QEMU has an end, whatever the other end does; and what it lists is
 * understood.
 */
class QmpTest {
    private static final Duration PATIENCE = Duration.ofSeconds(20);
    private static final Duration SHORT = Duration.ofMillis(300);

    private static final String RAM_LIST =
            """
                          Block Name    PSize              Offset               Used              Total
                                  m0    4 KiB  0x0000000000000000 0x0000000010000000 0x0000000010000000
               0000:00:01.0/vga.vram    4 KiB  0x0000000020080000 0x0000000001000000 0x0000000001000000
               0000:00:02.0/qxl.vram    4 KiB  0x0000000028080000 0x0000000001000000 0x0000000001000000
               0000:00:03.0/qxl.vram    4 KiB  0x0000000029080000 0x0000000001000000 0x0000000001000000
                /rom@etc/acpi/tables    4 KiB  0x00000000210c0000 0x0000000000020000 0x0000000000200000
                             pc.bios    4 KiB  0x0000000020000000 0x0000000000040000 0x0000000000040000  0x00007f 1
            """;
    private static final String TREE =
            """
            FlatView #2
             AS "memory", root: system
              0000000000000000-000000000009ffff (prio 0, ram): m0 KVM
              00000000000c0000-00000000000c9fff (prio 0, rom): m0 @00000000000c0000
              00000000d0000000-00000000d0ffffff (prio 1, ram): qxl.vram
              00000000fd000000-00000000fdffffff (prio 1, ram): vga.vram
              00000000fe000000-00000000fe00ffff (prio 1, i/o): vga.mmio
              00000000fffd0000-00000000ffffffff (prio 0, romd): pc.bios @0000000000010000
            """;

    @Test
    void commandsAreAnsweredBetweenEvents() throws Exception {
        try (FakeQemu qemu =
                        new FakeQemu(FakeQemu.GREETING)
                                .on("query-status", "{\"status\": \"running\"}");
                Qmp qmp = Qmp.connect(qemu.socket(), PATIENCE)) {
            assertThat(qmp.version()).isEqualTo("QEMU 7.2.22 (Debian)");
            assertThat(qmp.execute("query-status").path("status").asText()).isEqualTo("running");
            assertThat(qmp.hasSeen("STOP")).isTrue();
            assertThat(qmp.hasSeen("RESUME")).isFalse();
            assertThat(qmp.peer()).isEqualTo(OptionalInt.of((int) ProcessHandle.current().pid()));
        }
    }

    @Test
    void whatQemuRefusesHasItsReason() throws Exception {
        try (FakeQemu qemu = new FakeQemu(FakeQemu.GREETING);
                Qmp qmp = Qmp.connect(qemu.socket(), PATIENCE)) {
            assertThatThrownBy(() -> qmp.execute("no-such"))
                    .isInstanceOfSatisfying(
                            QmpException.class,
                            e -> assertThat(e.errorClass()).isEqualTo("CommandNotFound"))
                    .hasMessageContaining("no-such has not been found");
        }
    }

    @Test
    void silenceHasADeadline() throws Exception {
        try (FakeQemu qemu = new FakeQemu(FakeQemu.GREETING).on("stop", "silence");
                Qmp qmp = Qmp.connect(qemu.socket(), SHORT)) {
            assertThatThrownBy(() -> qmp.execute("stop"))
                    .hasMessageContaining("did not answer stop within");
        }
        try (FakeQemu qemu = new FakeQemu("")) {
            assertThatThrownBy(() -> Qmp.connect(qemu.socket(), SHORT))
                    .hasMessageContaining("another client may be connected");
        }
    }

    @Test
    void anEndInTheMiddleIsToldAtOnce() throws Exception {
        try (FakeQemu qemu = new FakeQemu(FakeQemu.GREETING).on("stop", "hang up");
                Qmp qmp = Qmp.connect(qemu.socket(), PATIENCE)) {
            assertThatThrownBy(() -> qmp.execute("stop"))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("closed the connection");
        }
    }

    @Test
    void nobodyThereIsSaidWithWhatToDo() {
        assertThatThrownBy(() -> Qmp.connect(Path.of("/nowhere"), PATIENCE))
                .hasMessageContaining("-qmp unix:/nowhere");
    }

    @Test
    void whatIsNoJsonEndsTheConnection() throws Exception {
        try (FakeQemu qemu = new FakeQemu("QEMU monitor\n")) {
            assertThatThrownBy(() -> Qmp.connect(qemu.socket(), PATIENCE))
                    .isInstanceOf(IOException.class);
        }
    }

    @Test
    void memoryIsFoundByWhatTheMonitorPrints() throws Exception {
        try (FakeQemu qemu =
                        new FakeQemu(FakeQemu.GREETING)
                                .onLine("info ramblock", RAM_LIST)
                                .onLine("info mtree -f", TREE)
                                .onLine(
                                        "gpa2hva 0x0",
                                        "Host virtual address for 0x0 (m0) is 0x7f0000000000\n")
                                .onLine(
                                        "gpa2hva 0xfd000000",
                                        "Host virtual address for 0xfd000000 (vga.vram) is 0x7f1000000000\n")
                                .onLine(
                                        "gpa2hva 0xfffd0000",
                                        "Host virtual address for 0xfffd0000 (pc.bios) is 0x7f2000010000\n");
                Qmp qmp = Qmp.connect(qemu.socket(), PATIENCE)) {
            RamBlock.Found found = RamBlock.find(qmp, Set.of("m0"));
            assertThat(found.blocks())
                    .extracting(RamBlock::name, RamBlock::processStart, RamBlock::backend)
                    .containsExactly(
                            tuple("m0", 0x7f0000000000L, true),
                            tuple("0000:00:01.0/vga.vram", 0x7f1000000000L, false),
                            tuple("pc.bios", 0x7f2000000000L, false));
            assertThat(found.blocks().getLast().range().start()).isEqualTo(0x20000000L);
            assertThat(found.unseen())
                    .containsExactly(
                            "0000:00:02.0/qxl.vram",
                            "0000:00:03.0/qxl.vram",
                            "/rom@etc/acpi/tables");
        }
    }

    @Test
    void aListThatIsNotUnderstoodIsNotGuessedAt() throws Exception {
        try (FakeQemu qemu =
                        new FakeQemu(FakeQemu.GREETING)
                                .onLine("info ramblock", "Block Name\n ram0 many\n")
                                .onLine("info mtree -f", TREE);
                Qmp qmp = Qmp.connect(qemu.socket(), PATIENCE)) {
            assertThatThrownBy(() -> RamBlock.find(qmp, Set.of()))
                    .hasMessageContaining("ram0 many");
        }
    }
}
