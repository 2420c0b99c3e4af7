package dev.stillframe.engine.mmu;

import dev.stillframe.engine.mmu.Entry.Present;
import dev.stillframe.engine.mmu.Entry.Swapped;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * The memory of a process: its mappings and one flat page table. The kernel's mm. Guarded by the
 * model's lock.
 */
final class AddressSpace {
    private static final long FIRST_ADDRESS = 0x7f00_0000_0000L;

    final Mmu mmu;

    /** Processes that live in it; 0: it is gone. */
    int users = 1;

    private final TreeMap<Long, Vma> vmas = new TreeMap<>();
    private final TreeMap<Long, Entry> entries = new TreeMap<>();
    private final TreeSet<Long> huge = new TreeSet<>(); // first pages of units that one entry maps
    private final TreeSet<Long> tables =
            new TreeSet<>(); // first pages of 2 MiB that have a table of entries
    private long nextAddress = FIRST_ADDRESS;

    AddressSpace(Mmu mmu) {
        this.mmu = mmu;
    }

    boolean isAlive() {
        return users > 0;
    }

    // Mappings

    @Nullable Vma find(long address) {
        Map.Entry<Long, Vma> below = vmas.floorEntry(address);
        return below != null && address < below.getValue().end() ? below.getValue() : null;
    }

    /** The mapping at {@code address}, or the next one behind it. */
    @Nullable Vma findFrom(long address) {
        Vma vma = find(address);
        Map.Entry<Long, Vma> above = vma == null ? vmas.ceilingEntry(address) : null;
        return above == null ? vma : above.getValue();
    }

    /** The mappings that share an address with the range, in order, whole. */
    List<Vma> overlapping(long start, long end) {
        List<Vma> found = new ArrayList<>();
        Vma first = find(start);
        if (first != null && first.start() < start) {
            found.add(first);
        }
        found.addAll(vmas.subMap(start, end).values());
        return found;
    }

    List<Vma> all() {
        return List.copyOf(vmas.values());
    }

    /** Whether the range covers a unit in part that cannot be split. */
    boolean refuses(long start, long end) {
        return overlapping(start, end).stream()
                .anyMatch(v -> v.refuses(Math.max(start, v.start()), Math.min(end, v.end())));
    }

    void add(Vma vma) {
        if (!overlapping(vma.start(), vma.end()).isEmpty()) {
            throw new IllegalArgumentException(
                    "mapped already: %x-%x".formatted(vma.start(), vma.end()));
        }
        vmas.put(vma.start(), vma);
        nextAddress = Math.max(nextAddress, vma.end() + Mmu.PAGE_BYTES);
    }

    /** Removes a mapping whose entries are empty, and the tables that nobody needs any more. */
    void remove(Vma vma) {
        vmas.remove(vma.start());
        for (long unit = vma.start() & -Mmu.HUGE_BYTES; unit < vma.end(); unit += Mmu.HUGE_BYTES) {
            if (overlapping(unit, unit + Mmu.HUGE_BYTES).isEmpty()) {
                tables.remove(Mmu.pageOf(unit));
            }
        }
    }

    /** Moves the end of a mapping, to where nothing is mapped. */
    void grow(Vma vma, long end) {
        vmas.put(vma.start(), vma.withBounds(vma.start(), end));
        nextAddress = Math.max(nextAddress, end + Mmu.PAGE_BYTES);
    }

    /**
     * The mapping at {@code address} gets a private page: it has a family from now on. The kernel's
     * anon_vma_prepare.
     */
    void expectPrivatePage(long address) {
        Vma vma = find(address);
        if (vma == null || vma.family() != null || vma.shared()) {
            return;
        }
        Vma.Family family = null;
        Vma right = vmas.get(vma.end());
        Map.Entry<Long, Vma> left = vmas.lowerEntry(vma.start());
        if (right != null && vma.mayShareFamilyWith(right)) {
            family = right.family();
        }
        if (family == null
                && left != null
                && left.getValue().mayShareFamilyWith(vma.withFamily(null))) {
            family = left.getValue().family();
        }
        vmas.put(vma.start(), vma.withFamily(family == null ? new Vma.Family() : family));
    }

    /**
     * Replaces what lies in the range, splitting mappings at its ends; neighbours that are alike
     * then are one.
     */
    void change(long start, long end, UnaryOperator<Vma> change) {
        for (Vma vma : isolate(start, end)) {
            vmas.put(vma.start(), change.apply(vma));
        }
        join(start, end);
    }

    /**
     * As vma_merge in mm/vma.c does for parts of one mapping. Events and mremap(2) tell one mapping
     * from two.
     */
    void join(long start, long end) {
        Map.Entry<Long, Vma> below = vmas.lowerEntry(start);
        Vma left = below == null ? null : below.getValue();
        for (Vma vma : List.copyOf(vmas.subMap(start, true, end, true).values())) {
            if (left != null && left.isContinuedBy(vma)) {
                vmas.remove(vma.start());
                left =
                        left.withBounds(left.start(), vma.end())
                                .withFamily(left.family() == null ? vma.family() : left.family());
                vmas.put(left.start(), left);
            } else {
                left = vma;
            }
        }
    }

    /** Splits mappings at the ends of the range and returns those inside. */
    List<Vma> isolate(long start, long end) {
        splitAt(start);
        splitAt(end);
        return overlapping(start, end);
    }

    private void splitAt(long address) {
        Vma vma = find(address);
        if (vma != null && vma.start() < address) {
            vmas.put(vma.start(), vma.withBounds(vma.start(), address));
            vmas.put(address, vma.withBounds(address, vma.end()));
            splitHugeAtEnds(address, address);
        }
    }

    /**
     * A free range with a hole on either side. Windows of {@link FaultPath#AROUND_PAGES} begin
     * where it does.
     */
    long freeRange(long bytes, Vma.Units units) {
        long alignment =
                units == Vma.Units.PAGES ? FaultPath.AROUND_PAGES * Mmu.PAGE_BYTES : Mmu.HUGE_BYTES;
        long start = (nextAddress + Mmu.PAGE_BYTES + alignment - 1) & -alignment;
        nextAddress = start + bytes;
        return start;
    }

    // Entries

    Entry entry(long page) {
        return entries.getOrDefault(page, Entry.EMPTY);
    }

    /**
     * The one place where entries change, so that frames know who maps them. A huge unit stays one
     * as long as its pages stay where they are.
     */
    void set(long page, Entry now) {
        Entry before = entry(page);
        leave(page, before);
        enter(page, now);
        boolean stays =
                before instanceof Present was
                        && now instanceof Present is
                        && was.frame() == is.frame();
        long unit = page & -Mmu.HUGE_PAGES;
        boolean wasHuge = !stays && huge.remove(unit);
        if (now instanceof Entry.Empty) {
            entries.remove(page);
            if (wasHuge) {
                tables.remove(unit); // one entry mapped it all, and is empty now
            }
        } else {
            entries.put(page, now);
            tables.add(unit);
        }
    }

    private void leave(long page, Entry entry) {
        if (entry instanceof Present present) {
            present.frame().unmapped(this, page);
        } else if (entry instanceof Swapped swapped) {
            swapped.frame().swapCount--;
        }
    }

    private void enter(long page, Entry entry) {
        if (entry instanceof Present present) {
            present.frame().mapped(this, page);
        } else if (entry instanceof Swapped swapped) {
            swapped.frame().swapCount++;
        }
    }

    /**
     * Whether there is an entry for {@code page}, empty or not; where nothing ever was there is
     * none.
     */
    boolean hasTable(long page) {
        return tables.contains(page & -Mmu.HUGE_PAGES);
    }

    /**
     * Makes the table of entries for {@code page}, which whoever looks for its entry needs first.
     */
    void needTable(long page) {
        tables.add(page & -Mmu.HUGE_PAGES);
    }

    /** Gives the table of the 2 MiB of {@code page} back, all of whose entries are empty. */
    void dropTable(long page) {
        tables.remove(page & -Mmu.HUGE_PAGES);
    }

    /** The pages of a range whose entries are not empty. */
    List<Long> populated(long start, long end) {
        return List.copyOf(entries.subMap(Mmu.pageOf(start), Mmu.pageOf(end)).keySet());
    }

    // Huge units

    boolean isHuge(long page) {
        return huge.contains(page & -Mmu.HUGE_PAGES);
    }

    /** The first frame of the unit of {@code page}, which one entry maps. */
    Frame firstOfUnit(long page) {
        return ((Present) entry(page & -Mmu.HUGE_PAGES)).frame();
    }

    /** Says that the unit of {@code page}, all of whose entries are present, is one. */
    void joinHuge(long page) {
        huge.add(page & -Mmu.HUGE_PAGES);
    }

    void splitHuge(long page) {
        huge.remove(page & -Mmu.HUGE_PAGES);
    }

    /** Splits the units that the range covers in part. */
    void splitHugeAtEnds(long start, long end) {
        long first = Mmu.pageOf(start);
        long last = Mmu.pageOf(end);
        if (first % Mmu.HUGE_PAGES != 0) {
            splitHuge(first);
        }
        if (last % Mmu.HUGE_PAGES != 0) {
            splitHuge(last);
        }
    }
}
