package dev.stillframe.engine.instant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stillframe.engine.document.Json;
import dev.stillframe.engine.memory.AddressRange;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The JSON of a layout: what is not there is not written, and what must be there is missed. */
class LayoutTest {
    private static final Source SOURCE =
            new Source(
                    1,
                    0,
                    1,
                    1,
                    0,
                    0,
                    "qemu",
                    List.of("qemu"),
                    "/usr/bin/qemu",
                    "host",
                    "x86_64",
                    "6.18");

    @Test
    void aProcessHasNoMachineInItsText() throws Exception {
        Layout layout = new Layout(4096, 7, SOURCE, new byte[0], List.of(), List.of());
        String text = Json.MAPPER.writeValueAsString(layout);
        assertThat(text).doesNotContain("\"machine\":n").endsWith("\"regions\":[]}");
        assertThat(Json.MAPPER.readValue(text, Layout.class).machine()).isNull();
    }

    @Test
    void aMachineIsReadAsItWasWritten() throws Exception {
        MachineState machine =
                new MachineState(
                        "QEMU 7.2.22",
                        "pc-q35-7.2",
                        true,
                        new byte[] {1, 2, 3},
                        List.of(
                                new MachineState.Block(
                                        "ram0", new AddressRange(0, 8192), 8000, true)),
                        List.of(new MachineState.Disk("vda", "/disk", "qcow2", true, null)));
        Layout layout = new Layout(4096, 7, SOURCE, new byte[0], List.of(), List.of(), machine);
        Layout read = Json.MAPPER.readValue(Json.MAPPER.writeValueAsString(layout), Layout.class);
        assertThat(read.machine()).usingRecursiveComparison().isEqualTo(machine);
    }

    @Test
    void whatMustBeThereIsMissed() throws Exception {
        String text =
                Json.MAPPER.writeValueAsString(
                        new Layout(4096, 7, SOURCE, new byte[0], List.of(), List.of()));
        assertThatThrownBy(
                        () ->
                                Json.MAPPER.readValue(
                                        text.replace(",\"threads\":[]", ""), Layout.class))
                .hasMessageContaining("threads");
    }

    @Test
    void aBlockIsNotLargerThanItsMemory() {
        assertThatThrownBy(
                        () -> new MachineState.Block("ram0", new AddressRange(0, 8192), 8193, true))
                .isInstanceOf(IllegalArgumentException.class);
    }
}
