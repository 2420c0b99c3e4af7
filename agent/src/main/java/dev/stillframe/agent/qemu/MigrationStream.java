package dev.stillframe.agent.qemu;

import dev.stillframe.engine.image.ImageFormatException;
import dev.stillframe.engine.instant.MachineState;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * What QEMU reads with {@code -incoming}: the state of the devices as it wrote it, and before that
 * the machine's type, which makes another QEMU refuse what it cannot run, and the memory that is
 * not mapped from the image. Stateless. Source: QEMU, docs/devel/migration (stream structure),
 * migration/savevm.c and migration/ram.c of version 7.2.
 */
final class MigrationStream {
    private static final int HEADER_BYTES = 8;
    private static final int MAGIC = 0x5145564d; // "QEVM"
    private static final int VERSION = 3;
    private static final int SECTION_FULL = 0x04;
    private static final int DESCRIPTION = 0x06;
    private static final int CONFIGURATION = 0x07;
    private static final int SECTION_FOOTER = 0x7e;
    private static final int END_OF_STREAM = 0;

    /** Any number that no other section has. */
    private static final int RAM_SECTION = 0x7fff_fff0;

    private static final int RAM_VERSION = 4;
    private static final long PAGE_ZERO = 0x02;
    private static final long SIZES = 0x04;
    private static final long PAGE_DATA = 0x08;
    private static final long END_OF_RAM = 0x10;
    private static final long SAME_BLOCK = 0x20;

    private MigrationStream() {}

    /**
     * Writes it.
     *
     * @param sent the blocks whose memory goes through the stream
     * @throws ImageFormatException if the state is not one that QEMU wrote, or a page is damaged or
     *     missing
     */
    static void write(
            MemoryContents image,
            MachineState machine,
            List<MachineState.Block> sent,
            OutputStream into)
            throws IOException {
        byte[] devices = machine.devices();
        check(devices);
        DataOutputStream out = new DataOutputStream(into);
        out.write(devices, 0, HEADER_BYTES);
        byte[] type = machine.type().getBytes(StandardCharsets.UTF_8);
        out.writeByte(CONFIGURATION);
        out.writeInt(type.length);
        out.write(type);
        if (!sent.isEmpty()) {
            writeRam(image, sent, out);
        }
        out.write(devices, HEADER_BYTES, devices.length - HEADER_BYTES);
        out.writeByte(DESCRIPTION); // for debuggers of streams; QEMU reads over it
        out.writeInt(2);
        out.writeBytes("{}");
        out.flush();
    }

    private static void check(byte[] devices) throws ImageFormatException {
        boolean known =
                devices.length > HEADER_BYTES + 1
                        && intAt(devices, 0) == MAGIC
                        && intAt(devices, 4) == VERSION
                        && devices[HEADER_BYTES] != CONFIGURATION
                        && devices[devices.length - 1] == END_OF_STREAM;
        if (!known) {
            throw new ImageFormatException(
                    "the state of the devices in this image is not one that QEMU wrote");
        }
    }

    private static int intAt(byte[] bytes, int offset) {
        return MemorySegment.ofArray(bytes)
                .get(ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN), offset);
    }

    private static void writeRam(
            MemoryContents image, List<MachineState.Block> blocks, DataOutputStream out)
            throws IOException {
        out.writeByte(SECTION_FULL);
        out.writeInt(RAM_SECTION);
        writeName("ram", out);
        out.writeInt(0); // instance
        out.writeInt(RAM_VERSION);
        out.writeLong(blocks.stream().mapToLong(MachineState.Block::usedBytes).sum() | SIZES);
        for (MachineState.Block block : blocks) {
            writeName(block.name(), out);
            out.writeLong(block.usedBytes());
        }
        for (MachineState.Block block : blocks) {
            writePages(image, block, out);
        }
        out.writeLong(END_OF_RAM);
        out.writeByte(SECTION_FOOTER);
        out.writeInt(RAM_SECTION);
    }

    private static void writePages(
            MemoryContents image, MachineState.Block block, DataOutputStream out)
            throws IOException {
        long start = block.range().start();
        image.visit(
                block.range(),
                (at, content) -> {
                    boolean zero = content == null;
                    out.writeLong(
                            (at - start)
                                    | (zero ? PAGE_ZERO : PAGE_DATA)
                                    | (at > start ? SAME_BLOCK : 0));
                    if (at == start) {
                        writeName(block.name(), out);
                    }
                    if (zero) {
                        out.writeByte(0);
                    } else {
                        out.write(content);
                    }
                });
    }

    private static void writeName(String name, DataOutputStream out) throws IOException {
        byte[] bytes = name.getBytes(StandardCharsets.UTF_8);
        out.writeByte(bytes.length);
        out.write(bytes);
    }
}
