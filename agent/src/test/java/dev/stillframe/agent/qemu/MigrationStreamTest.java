package dev.stillframe.agent.qemu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stillframe.engine.image.ImageFormatException;
import dev.stillframe.engine.image.ImageReader;
import dev.stillframe.engine.image.ImageWriter;
import dev.stillframe.engine.instant.Ending;
import dev.stillframe.engine.instant.Layout;
import dev.stillframe.engine.instant.MachineState;
import dev.stillframe.engine.instant.PageHash;
import dev.stillframe.engine.instant.PageKind;
import dev.stillframe.engine.instant.PageRecords;
import dev.stillframe.engine.instant.RootHash;
import dev.stillframe.engine.instant.Source;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.memory.Extent;
import dev.stillframe.engine.memory.Region;
import dev.stillframe.engine.memory.RegionKind;
import dev.stillframe.engine.page.RunBatch;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What QEMU reads, byte for byte as its own sources say. */
class MigrationStreamTest {
    private static final int PAGE = 4096;
    private static final MachineState.Block RAM =
            new MachineState.Block("ram0", new AddressRange(0, PAGE), PAGE, true);
    private static final MachineState.Block BIOS =
            new MachineState.Block("bios", new AddressRange(PAGE, 3 * PAGE), 2 * PAGE, false);

    /** Magic, version, a section that holds nothing, end. */
    private static final String DEVICES = "5145564d" + "00000003" + "04aabbcc" + "00";

    @TempDir Path directory;

    @Test
    void typeAndMemoryStandBeforeTheDevices() throws IOException {
        String data = "5a".repeat(PAGE);
        String expected =
                "5145564d00000003"
                        + ("07" + "00000002" + hex("pc"))
                        + ("04" + "7ffffff0" + "03" + hex("ram") + "00000000" + "00000004")
                        + ("0000000000002004" + "04" + hex("bios") + "0000000000002000")
                        + ("0000000000000008" + "04" + hex("bios") + data) // a page of data
                        + ("0000000000001022" + "00") // a page of zeros, of the same block
                        + ("0000000000000010" + "7e" + "7ffffff0")
                        + ("04aabbcc" + "00")
                        + ("06" + "00000002" + hex("{}"));
        assertThat(stream(DEVICES, List.of(BIOS))).isEqualTo(expected);
    }

    @Test
    void withoutMemoryToSendThereIsNoSectionForIt() throws IOException {
        assertThat(stream(DEVICES, List.of()))
                .isEqualTo(
                        "5145564d00000003"
                                + "0700000002"
                                + hex("pc")
                                + "04aabbcc00"
                                + "0600000002"
                                + hex("{}"));
    }

    @Test
    void aStateThatQemuDidNotWriteIsRefused() {
        for (String devices :
                List.of(
                        "",
                        "5145564d00000003",
                        "5145564d00000004" + "04aabbcc00",
                        "0145564d00000003" + "04aabbcc00",
                        "5145564d00000003" + "07aabbcc00", // has the machine's type already
                        "5145564d00000003" + "04aabbcc")) { // has no end
            assertThatThrownBy(() -> stream(devices, List.of()))
                    .as(devices)
                    .isInstanceOf(ImageFormatException.class)
                    .hasMessageContaining("not one that QEMU wrote");
        }
    }

    private String stream(String devices, List<MachineState.Block> sent) throws IOException {
        MachineState machine =
                new MachineState(
                        "QEMU",
                        "pc",
                        true,
                        HexFormat.of().parseHex(devices),
                        List.of(RAM, BIOS),
                        List.of());
        Path image = directory.resolve("image-" + System.nanoTime());
        write(image, machine);
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try (ImageReader reader = ImageReader.open(image)) {
            MigrationStream.write(MemoryContents.of(reader), machine, sent, out);
        }
        return HexFormat.of().formatHex(out.toByteArray());
    }

    /** A page of zeros, one of data, one of zeros. */
    private static void write(Path image, MachineState machine) throws IOException {
        Region region =
                new Region(
                        new AddressRange(0, 3 * PAGE),
                        "rw-s",
                        RegionKind.SHARED,
                        "",
                        0,
                        null,
                        List.of(new Extent(0, 3, 0)));
        Source source =
                new Source(
                        1,
                        0,
                        1,
                        1,
                        0,
                        0,
                        "qemu",
                        List.of("qemu"),
                        "/qemu",
                        "host",
                        "x86_64",
                        "6.18");
        Layout layout =
                new Layout(PAGE, 7, source, new byte[0], List.of(), List.of(region), machine);
        try (Arena arena = Arena.ofShared();
                ImageWriter writer = ImageWriter.create(image)) {
            ThreePages pages = new ThreePages(arena);
            PageRecords records =
                    (first, count, into) -> into.put(pages.records(), (int) first * 24, count * 24);
            writer.begin(layout);
            writer.accept(pages);
            writer.finish(new Ending(List.of(), RootHash.of(layout, List.of(), records)));
        }
    }

    private static final class ThreePages extends RunBatch {
        private final MemorySegment page;

        ThreePages(Arena arena) {
            super(3, arena.allocate(PageHash.BYTES, Long.BYTES));
            page = arena.allocate(PAGE, PAGE).fill((byte) 0x5a);
            new PageHash().hash(page, 0, PAGE, hashTable(), 0);
            add(PageKind.ZERO, 0, 1);
            add(PageKind.DATA, 1, 1);
            add(PageKind.ZERO, 2, 1);
        }

        byte[] records() {
            ByteBuffer records = ByteBuffer.allocate(3 * 24).order(ByteOrder.LITTLE_ENDIAN);
            records.putLong(1).putLong(0).putLong(0).putLong(2);
            records.put(hashTable().asByteBuffer()).putLong(1);
            return records.array();
        }

        @Override
        public MemorySegment data(int run) {
            return page;
        }

        @Override
        public long dataBytes() {
            return PAGE;
        }

        @Override
        public void release() {}
    }

    private static String hex(String text) {
        return HexFormat.of().formatHex(text.getBytes(StandardCharsets.UTF_8));
    }
}
