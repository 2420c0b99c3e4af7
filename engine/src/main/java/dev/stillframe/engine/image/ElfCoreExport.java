package dev.stillframe.engine.image;

import dev.stillframe.engine.instant.Layout;
import dev.stillframe.engine.instant.Missing;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.memory.Region;
import dev.stillframe.engine.memory.RegionKind;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.List;

/**
 * Writes an image as an ELF core file that gdb and jhsdb open: every thread with its registers, all
 * mappings, the auxiliary vector. Zero pages are holes. Layout: System V ABI, chapter 4 and 5;
 * core(5); elf(5). Stateless.
 */
public final class ElfCoreExport {
    private static final int HEADER_BYTES = 64;
    private static final int PROGRAM_HEADER_BYTES = 56;
    private static final int SECTION_HEADER_BYTES = 64;

    /**
     * elf.h: stands in {@code e_phnum} when the number is in {@code sh_info} of the first section
     * header.
     */
    private static final int PN_XNUM = 0xffff;

    private static final short ET_CORE = 4;
    private static final int PT_LOAD = 1;
    private static final int PT_NOTE = 4;

    private final Layout layout;
    private final ElfMachine machine;
    private final List<ElfSegments.Segment> segments;
    private final byte[] notes;
    private final long tableBytes;

    private ElfCoreExport(ImageReader reader) throws IOException {
        this.layout = reader.layout();
        this.machine = ElfMachine.of(layout.source().machine());
        this.segments = ElfSegments.of(reader);
        this.notes = ElfNotes.of(machine, layout);
        long sections = extended() ? SECTION_HEADER_BYTES : 0;
        this.tableBytes = HEADER_BYTES + (long) headerCount() * PROGRAM_HEADER_BYTES + sections;
    }

    /**
     * Writes the core file, mode 0600. On failure there is no file, or the one that was there
     * before.
     *
     * @param overwrite whether an existing regular file may be replaced
     * @return memory that the process could read but the image does not have; a debugger cannot
     *     read it either. Without the kernel's own pages, which are in no core file
     * @throws IOException if the file exists, a page is damaged or the file cannot be written
     */
    public static List<Missing> write(ImageReader reader, Path file, boolean overwrite)
            throws IOException {
        ElfCoreExport core = new ElfCoreExport(reader);
        long size = core.align(core.tableBytes + core.notes.length);
        for (ElfSegments.Segment segment : core.segments) {
            size += segment.contents() ? segment.range().sizeBytes() : 0;
        }
        try (SparseOutput output = SparseOutput.create(file, size, overwrite)) {
            output.write(0, core.tables());
            output.write(core.tableBytes, ByteBuffer.wrap(core.notes));
            long offset = core.align(core.tableBytes + core.notes.length);
            for (ElfSegments.Segment segment : core.segments) {
                if (segment.contents()) {
                    output.copy(reader, segment.range(), offset);
                    offset += segment.range().sizeBytes();
                }
            }
            output.commit();
        }
        return unavailable(reader);
    }

    private ByteBuffer tables() {
        ByteBuffer out =
                ByteBuffer.allocate(Math.toIntExact(tableBytes)).order(ByteOrder.LITTLE_ENDIAN);
        putHeader(out);
        putNoteSegment(out);
        long offset = align(tableBytes + notes.length);
        for (ElfSegments.Segment segment : segments) {
            AddressRange range = segment.range();
            long inFile = segment.contents() ? range.sizeBytes() : 0;
            out.putInt(PT_LOAD)
                    .putInt(segment.flags())
                    .putLong(offset)
                    .putLong(range.start())
                    .putLong(0) // p_paddr
                    .putLong(inFile)
                    .putLong(range.sizeBytes())
                    .putLong(layout.pageSizeBytes());
            offset += inFile;
        }
        if (extended()) {
            // An SHT_NULL section: sh_size is the number of sections if that is extended, sh_info
            // that of segments.
            out.putInt(out.position() + 44, headerCount());
        }
        return out.rewind();
    }

    private void putHeader(ByteBuffer out) {
        byte[] identity = {
            0x7f, 'E', 'L', 'F', 2 /* 64 bits */, 1 /* little-endian */, 1 /* version */
        };
        out.put(0, identity);
        out.position(16);
        out.putShort(ET_CORE)
                .putShort((short) machine.number())
                .putInt(1) // e_version
                .putLong(0) // e_entry
                .putLong(HEADER_BYTES) // e_phoff
                .putLong(extended() ? tableBytes - SECTION_HEADER_BYTES : 0) // e_shoff
                .putInt(0) // e_flags
                .putShort((short) HEADER_BYTES)
                .putShort((short) PROGRAM_HEADER_BYTES)
                .putShort((short) (extended() ? PN_XNUM : headerCount()))
                .putShort((short) (extended() ? SECTION_HEADER_BYTES : 0))
                .putShort((short) (extended() ? 1 : 0)) // e_shnum
                .putShort((short) 0); // e_shstrndx
    }

    private void putNoteSegment(ByteBuffer out) {
        out.putInt(PT_NOTE).putInt(0).putLong(tableBytes).putLong(0).putLong(0);
        out.putLong(notes.length).putLong(0).putLong(4);
    }

    private int headerCount() {
        return segments.size() + 1;
    }

    private boolean extended() {
        return headerCount() >= PN_XNUM;
    }

    private long align(long offset) {
        long page = layout.pageSizeBytes();
        return (offset + page - 1) / page * page;
    }

    private static List<Missing> unavailable(ImageReader reader) throws IOException {
        MissingCollector missing = new MissingCollector();
        for (Region region : reader.layout().regions()) {
            if (region.protection().startsWith("r") && region.kind() != RegionKind.KERNEL) {
                reader.unavailable(region.range())
                        .forEach(part -> missing.add(part.range(), part.reason()));
            }
        }
        return missing.entries();
    }
}
