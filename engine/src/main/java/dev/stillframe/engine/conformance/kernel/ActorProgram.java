package dev.stillframe.engine.conformance.kernel;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;

/**
 * The program that an actor runs: a static ELF executable made of the machine code in {@code
 * actor.lst}. It has no library, no garbage collector and no thread of its own, so that each page
 * it has is in exactly the state that a scenario put it in. Immutable.
 */
final class ActorProgram {
    /** Where the control areas of threads begin. */
    static final long AREAS = 0x1000_0000L;

    /** Bytes of a control area. */
    static final int AREA_BYTES = 0x10000;

    /** How many threads there can be in all processes of one machine. */
    static final int AREAS_MAX = 256;

    private static final String LISTING = "actor.lst";
    private static final long TEXT = 0x0800_0000L;
    private static final int HEADER_BYTES = 64 + 2 * 56;

    private final byte[] code;
    private final Map<String, Integer> labels;

    private ActorProgram(byte[] code, Map<String, Integer> labels) {
        this.code = code;
        this.labels = labels;
    }

    /** Reads the listing. */
    static ActorProgram load() {
        ByteBuffer code = ByteBuffer.allocate(4096);
        Map<String, Integer> labels = new HashMap<>();
        for (String line : listing().lines().filter(line -> !line.startsWith("#")).toList()) {
            String[] columns = line.trim().split("\\s+");
            int offset = Integer.parseInt(columns[0], 16);
            if (offset != code.position()) {
                throw new IllegalStateException(
                        "%s: not at %04x: %s".formatted(LISTING, code.position(), line));
            }
            code.put(HexFormat.of().parseHex(columns[1]));
            if (columns[2].endsWith(":")) {
                labels.put(columns[2].substring(0, columns[2].length() - 1), offset);
            }
        }
        byte[] bytes = new byte[code.flip().remaining()];
        code.get(bytes);
        return new ActorProgram(bytes, Map.copyOf(labels));
    }

    private static String listing() {
        try (InputStream in = ActorProgram.class.getResourceAsStream(LISTING)) {
            if (in == null) {
                throw new IllegalStateException("missing resource " + LISTING);
            }
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The address of a label of the listing, in a running actor. */
    long address(String label) {
        Integer offset = labels.get(label);
        if (offset == null) {
            throw new IllegalArgumentException("no label " + label);
        }
        return TEXT + HEADER_BYTES + offset;
    }

    /**
     * The executable: file header, code segment, and zeros for the control areas. Source: elf(5).
     */
    byte[] elf() {
        ByteBuffer elf =
                ByteBuffer.allocate(HEADER_BYTES + code.length).order(ByteOrder.LITTLE_ENDIAN);
        elf.put(
                new byte[] {
                    0x7f, 'E', 'L', 'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0
                }); // 64 bits, little-endian
        elf.putShort((short) 2).putShort((short) 62).putInt(1); // ET_EXEC, EM_X86_64, EV_CURRENT
        elf.putLong(address("start")).putLong(64).putLong(0); // entry, program headers, no sections
        elf.putInt(0).putShort((short) 64).putShort((short) 56).putShort((short) 2);
        elf.putShort((short) 0).putShort((short) 0).putShort((short) 0);
        segment(elf, 5, TEXT, elf.capacity(), elf.capacity()); // readable, executable
        segment(elf, 6, AREAS, 0, (long) AREAS_MAX * AREA_BYTES); // readable, writable
        return elf.put(code).array();
    }

    private static void segment(
            ByteBuffer elf, int flags, long address, long fileBytes, long memoryBytes) {
        elf.putInt(1).putInt(flags).putLong(0).putLong(address).putLong(address);
        elf.putLong(fileBytes).putLong(memoryBytes).putLong(4096);
    }
}
