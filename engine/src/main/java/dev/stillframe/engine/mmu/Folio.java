package dev.stillframe.engine.mmu;

import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The pages of a huge page: the kernel allocated them as one, and shares and counts them as one,
 * also where page tables map them one by one. Guarded by the model's lock.
 */
final class Folio {
    private final List<Frame> frames;

    /** Entries that map a part of it. */
    private final Map<AddressSpace, Integer> mappings = new HashMap<>();

    private int references;
    private int pins;

    /** Made of new frames, which nobody maps yet. */
    Folio(List<Frame> frames) {
        this.frames = List.copyOf(frames);
        this.frames.forEach(frame -> frame.folio = this);
    }

    List<Frame> frames() {
        return frames;
    }

    void mapped(AddressSpace mm, int by) {
        mappings.merge(mm, by, (before, change) -> before + change == 0 ? null : before + change);
    }

    void hold(boolean pin, int by) {
        if (pin) {
            pins += by;
        } else {
            references += by;
        }
    }

    boolean isPinned() {
        return pins > 0;
    }

    boolean isHeld() {
        return pins + references > 0;
    }

    boolean isMappedByMany() {
        return mappings.size() > 1;
    }

    /** Entries that map a part of it. */
    int mapCount() {
        return mappings.values().stream().mapToInt(Integer::intValue).sum();
    }

    int referenceCount() {
        return mapCount() + references + pins + (isSwapped() ? 1 : 0);
    }

    private boolean isSwapped() {
        return frames.stream().anyMatch(frame -> frame.swapCount > 0);
    }

    /**
     * Whether one entry, or 512 of one process, maps all of it, and nobody else has to do with it.
     */
    boolean isOneMapping() {
        return mappings.size() == 1 && referenceCount() == frames.size();
    }

    /**
     * Whether no part has more than one user, by the count of entries of page tables and of swap.
     */
    boolean isMappedOnce() {
        return frames.stream().allMatch(frame -> frame.mapCount() + frame.swapCount <= 1);
    }

    /**
     * Its pages become pages of their own, unless somebody holds it; whether they did: split_folio.
     */
    boolean split() {
        if (isHeld()) {
            return false;
        }
        for (Frame frame : frames) {
            frame.leaveFolio();
            for (Frame.Mapping mapping : frame.mappings()) {
                mapping.mm().splitHuge(mapping.page());
                if (frame.isZeros()) {
                    giveBack(mapping);
                }
            }
        }
        return true;
    }

    /** A part without content becomes the page of zeros: try_to_map_unused_to_zeropage. */
    private static void giveBack(Frame.Mapping mapping) {
        AddressSpace mm = mapping.mm();
        Vma vma = mm.find(mapping.page() * Mmu.PAGE_BYTES);
        if (vma != null && !vma.marks().locked()) {
            boolean uffdWp = mm.entry(mapping.page()).uffdWp();
            mm.set(mapping.page(), new Entry.Present(mm.mmu.zero(), false, uffdWp, false));
        }
    }
}
