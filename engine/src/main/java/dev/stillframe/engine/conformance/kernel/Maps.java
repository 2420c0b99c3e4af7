package dev.stillframe.engine.conformance.kernel;

import dev.stillframe.engine.conformance.Machine;
import dev.stillframe.engine.conformance.Machine.Unsupported;
import dev.stillframe.engine.conformance.Memory;
import dev.stillframe.engine.conformance.Page;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Mappings of actors: how they are made and what is in them. Owned by the machine's thread. */
final class Maps {
    private static final int PROT_READ_WRITE = 3;
    private static final int MAP_SHARED = 1;
    private static final int MAP_PRIVATE = 2;
    private static final int MAP_FIXED = 0x10;
    private static final int MAP_ANONYMOUS = 0x20;
    private static final int MAP_HUGETLB = 0x40000;
    private static final int MADV_MERGEABLE = 12;
    private static final int MADV_HUGEPAGE = 14;
    private static final int MADV_NOHUGEPAGE = 15;
    private static final long HUGE_BYTES = 2 << 20;
    private static final long WINDOW_BYTES = 16 * Machine.PAGE_BYTES;

    private final Storage storage;

    Maps(Storage storage) {
        this.storage = storage;
    }

    long map(Actor actor, Memory memory) {
        return switch (memory.kind()) {
            case ANON -> anonymous(actor, memory.bytes());
            case THP -> huge(actor, memory.bytes());
            case HUGETLB -> hugetlb(actor, memory.bytes());
            case MERGEABLE -> mergeable(actor, memory.bytes());
            case MEMFD, EXT4 -> object(actor, memory, MAP_SHARED);
            case PRIVATE_MEMFD, PRIVATE_EXT4 -> object(actor, memory, MAP_PRIVATE);
        };
    }

    private static long mmap(Actor actor, long bytes, int flags, int fd) {
        long address = actor.call(Call.MMAP, 0, bytes, PROT_READ_WRITE, flags, fd, 0);
        if (address < 0) {
            throw new IllegalStateException(
                    "mmap of %d bytes: errno %d".formatted(bytes, -address));
        }
        return address;
    }

    /** An address where something of this size can be moved, also in huge pages. */
    static long elsewhere(Actor actor, long bytes) {
        return aligned(actor, bytes, HUGE_BYTES);
    }

    /** An aligned mapping. */
    private static long aligned(Actor actor, long bytes, long alignment) {
        long whole = bytes + Machine.PAGE_BYTES - 1 & -Machine.PAGE_BYTES;
        long around = mmap(actor, whole + 2 * alignment, MAP_PRIVATE | MAP_ANONYMOUS, -1);
        long address = around + alignment & -alignment;
        actor.call(Call.MUNMAP, around, address - around);
        actor.call(Call.MUNMAP, address + whole, around + 2 * alignment - address);
        return address;
    }

    /** From here on the kernel does not make huge pages of it by itself. */
    static void inSmallPages(Actor actor, long address, long bytes) {
        actor.call(Call.MADVISE, address, bytes, MADV_NOHUGEPAGE);
    }

    /** A mapping with nothing mapped on either side, so that it is not merged with another. */
    private static long anonymous(Actor actor, long bytes) {
        long around = mmap(actor, bytes + 2L * Machine.PAGE_BYTES, MAP_PRIVATE | MAP_ANONYMOUS, -1);
        actor.call(Call.MUNMAP, around, Machine.PAGE_BYTES);
        actor.call(Call.MUNMAP, around + Machine.PAGE_BYTES + bytes, Machine.PAGE_BYTES);
        long address = around + Machine.PAGE_BYTES;
        inSmallPages(actor, address, bytes);
        return address;
    }

    private static long huge(Actor actor, long bytes) {
        String enabled = read("/sys/kernel/mm/transparent_hugepage/enabled");
        if (enabled.contains("[never]")) {
            throw new Unsupported("needs transparent huge pages: they are switched off");
        }
        long address = aligned(actor, bytes, HUGE_BYTES);
        actor.call(Call.MADVISE, address, bytes, MADV_HUGEPAGE);
        return address;
    }

    private static long hugetlb(Actor actor, long bytes) {
        long free =
                Long.parseLong(read("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages"));
        if (free < bytes / HUGE_BYTES) {
            throw new Unsupported(
                    "needs %d huge pages: %d are reserved in vm.nr_hugepages and free"
                            .formatted(bytes / HUGE_BYTES, free));
        }
        return mmap(actor, bytes, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1);
    }

    private static long mergeable(Actor actor, long bytes) {
        String run = read("/sys/kernel/mm/ksm/run");
        if (!run.equals("1")) {
            throw new Unsupported("needs same-page merging: /sys/kernel/mm/ksm/run is " + run);
        }
        long address = anonymous(actor, bytes);
        actor.call(Call.MADVISE, address, bytes, MADV_MERGEABLE);
        return address;
    }

    /** Aligned, so that what a read maps around it does not depend on where the kernel puts it. */
    private long object(Actor actor, Memory memory, int flags) {
        int fd = storage.open(actor, memory);
        long address = aligned(actor, memory.bytes(), WINDOW_BYTES);
        long mapped =
                actor.call(
                        Call.MMAP,
                        address,
                        memory.bytes(),
                        PROT_READ_WRITE,
                        flags | MAP_FIXED,
                        fd,
                        0);
        if (mapped != address) {
            throw new IllegalStateException(
                    "mmap of %d bytes: errno %d".formatted(memory.bytes(), -mapped));
        }
        return address;
    }

    private static String read(String path) {
        try {
            return Files.readString(Path.of(path)).trim();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Advice that would do nothing here is refused. */
    void checkAdvice(String advice) {
        if (advice.equals("pageout") && !hasSwap()) {
            throw new Unsupported("needs swap: none is configured");
        }
    }

    private static boolean hasSwap() {
        return read("/proc/swaps").lines().count() > 1;
    }

    /** {@code Documentation/admin-guide/mm/pagemap.rst}. */
    static Page page(ActorProcess process, long address) {
        long entry = process.memory().entry(address);
        String bits =
                letter(entry, 63, "P")
                        + letter(entry, 62, "S")
                        + letter(entry, 61, "F")
                        + letter(entry, 57, "W")
                        + letter(entry, 56, "X");
        return new Page(bits, bits.startsWith("P") ? entry & (1L << 55) - 1 : 0);
    }

    private static String letter(long entry, int bit, String letter) {
        return (entry >>> bit & 1) == 1 ? letter : "-";
    }
}
