package dev.stillframe.engine.image;

import dev.stillframe.engine.instant.Layout;
import dev.stillframe.engine.instant.Source;
import dev.stillframe.engine.instant.ThreadState;
import dev.stillframe.engine.memory.FileReference;
import dev.stillframe.engine.memory.Region;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * The notes of a core file: the process, its threads with their registers, the auxiliary vector and
 * the mapped files. Structures: Linux {@code include/uapi/linux/elfcore.h} and {@code
 * include/linux/elfcore-compat.h}; order as gdb's gcore writes them. Owned by one thread.
 */
final class ElfNotes {
    /** Offset of {@code pr_reg} in {@code struct elf_prstatus}. */
    static final int STATUS_REGISTERS_AT = 112;

    private static final int NT_PRSTATUS = 1;
    private static final int NT_PRFPREG = 2;
    private static final int NT_PRPSINFO = 3;
    private static final int NT_AUXV = 6;
    private static final int NT_X86_XSTATE = 0x202;
    private static final int NT_SIGINFO = 0x53494749;
    private static final int NT_FILE = 0x46494c45;

    private static final int PSINFO_BYTES = 136;
    private static final int SIGINFO_BYTES = 128;

    private final ElfMachine machine;
    private final Layout layout;
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();

    private ElfNotes(ElfMachine machine, Layout layout) {
        this.machine = machine;
        this.layout = layout;
    }

    /**
     * The contents of the note segment.
     *
     * @throws ImageFormatException if a register set does not have the machine's size
     */
    static byte[] of(ElfMachine machine, Layout layout) throws ImageFormatException {
        ElfNotes notes = new ElfNotes(machine, layout);
        notes.add("CORE", NT_PRPSINFO, notes.processInfo());
        for (ThreadState thread : layout.threads()) {
            notes.addThread(thread);
        }
        notes.add("CORE", NT_AUXV, layout.auxv());
        notes.add("CORE", NT_FILE, notes.mappedFiles());
        return notes.out.toByteArray();
    }

    private void addThread(ThreadState thread) throws ImageFormatException {
        checkSize(thread, "general", thread.general(), machine.generalBytes());
        checkSize(thread, "floating-point", thread.floating(), machine.floatingBytes());
        add("CORE", NT_PRSTATUS, status(thread));
        add("CORE", NT_PRFPREG, thread.floating());
        byte[] signalInfo = new byte[SIGINFO_BYTES];
        littleEndian(signalInfo).putInt(thread.signal()); // si_signo
        add("CORE", NT_SIGINFO, signalInfo);
        if (machine == ElfMachine.X86_64 && thread.extended().length > 0) {
            add("LINUX", NT_X86_XSTATE, XsaveArea.inIntelsLayout(thread.extended()));
        }
    }

    private byte[] status(ThreadState thread) {
        Source source = layout.source();
        byte[] bytes = new byte[machine.statusBytes()];
        ByteBuffer status = littleEndian(bytes);
        status.putInt(thread.signal()); // pr_info.si_signo
        status.putShort(12, (short) thread.signal()); // pr_cursig
        status.putLong(24, thread.signalMask()); // pr_sighold
        status.putInt(32, thread.tid()); // pr_pid
        status.putInt(36, source.parentPid());
        status.putInt(40, source.groupId());
        status.putInt(44, source.sessionId());
        status.put(STATUS_REGISTERS_AT, thread.general());
        status.putInt(STATUS_REGISTERS_AT + machine.generalBytes(), 1); // pr_fpvalid
        return bytes;
    }

    private byte[] processInfo() {
        Source source = layout.source();
        byte[] bytes = new byte[PSINFO_BYTES];
        ByteBuffer info = littleEndian(bytes);
        info.put(1, (byte) 'R'); // pr_sname
        info.putInt(16, source.userId());
        info.putInt(20, source.userGroupId());
        info.putInt(24, source.pid());
        info.putInt(28, source.parentPid());
        info.putInt(32, source.groupId());
        info.putInt(36, source.sessionId());
        putText(info, 40, 16, source.command()); // pr_fname
        putText(info, 56, 80, String.join(" ", source.arguments())); // pr_psargs
        return bytes;
    }

    /**
     * {@code NT_FILE}: count and unit of the offsets, then start, end and offset of each mapping,
     * then the names.
     */
    private byte[] mappedFiles() {
        ByteArrayOutputStream names = new ByteArrayOutputStream();
        List<Region> mapped =
                layout.regions().stream().filter(region -> region.file() != null).toList();
        byte[] numbers = new byte[(2 + 3 * mapped.size()) * Long.BYTES];
        ByteBuffer table =
                littleEndian(numbers).putLong(mapped.size()).putLong(layout.pageSizeBytes());
        for (Region region : mapped) {
            FileReference file = region.file();
            if (file != null) {
                table.putLong(region.range().start())
                        .putLong(region.range().end())
                        .putLong(region.fileOffsetBytes() / layout.pageSizeBytes());
                names.writeBytes(file.path().getBytes(StandardCharsets.UTF_8));
                names.write(0);
            }
        }
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        all.writeBytes(numbers);
        all.writeBytes(names.toByteArray());
        return all.toByteArray();
    }

    /** Name and contents are padded to 4 bytes each; the lengths stated are without the padding. */
    private void add(String name, int type, byte[] contents) {
        byte[] text = (name + "\0").getBytes(StandardCharsets.US_ASCII);
        byte[] header = new byte[12];
        littleEndian(header).putInt(text.length).putInt(contents.length).putInt(type);
        out.writeBytes(header);
        out.writeBytes(text);
        out.writeBytes(new byte[-text.length & 3]);
        out.writeBytes(contents);
        out.writeBytes(new byte[-contents.length & 3]);
    }

    private void checkSize(ThreadState thread, String what, byte[] registers, int expected)
            throws ImageFormatException {
        if (registers.length != expected) {
            throw new ImageFormatException(
                    "the %s registers of thread %d are %d bytes; on %s they are %d"
                            .formatted(what, thread.tid(), registers.length, machine, expected));
        }
    }

    /** Cuts the text so that a zero follows it. */
    private static void putText(ByteBuffer into, int at, int fieldBytes, String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        into.put(at, bytes, 0, Math.min(bytes.length, fieldBytes - 1));
    }

    private static ByteBuffer littleEndian(byte[] bytes) {
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }
}
