package dev.stillframe.engine.mmu;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A page of physical memory, or of swap: the model keeps a page's content where it is. Guarded by
 * the model's lock.
 */
final class Frame {
    /** What a frame is for, for as long as it exists. */
    enum Kind {
        /** Memory of processes, shared by fork alone. */
        ANON,
        /** The one page of zeros. */
        ZERO,
        /** A page of a file or of shared memory. */
        CACHE
    }

    private static final byte[] ZEROS = new byte[Mmu.PAGE_BYTES];

    final long number;
    final Kind kind;

    /** What it is a part of; null: it was allocated alone. */
    @Nullable Folio folio;

    /** Page table entries that map it. */
    private final List<Mapping> mappings = new ArrayList<>(1);

    /** Swap entries that stand for it. Kept by {@link AddressSpace#set}. */
    int swapCount;

    /** Whether it is in the page cache of its object. */
    boolean cached;

    /** The kernel's PageAnonExclusive: one entry maps it, and no copy-on-write can be due. */
    boolean exclusive;

    /** Whether the program does without it until it writes to it: MADV_FREE. */
    boolean lazyFree;

    private int references;
    private int pins;
    private byte @Nullable [] content; // null: zeros

    Frame(long number, Kind kind) {
        this.number = number;
        this.kind = kind;
    }

    /** An entry that maps a frame. Immutable. */
    record Mapping(AddressSpace mm, long page) {}

    /** Entries that map it. */
    int mapCount() {
        return mappings.size();
    }

    /** The entries that map it, as they are now; of the page of zeros none. */
    List<Mapping> mappings() {
        return List.copyOf(mappings);
    }

    /** An entry that did not map it does. */
    void mapped(AddressSpace mm, long page) {
        if (kind != Kind.ZERO) {
            mappings.add(new Mapping(mm, page));
            if (folio != null) {
                folio.mapped(mm, 1);
            }
        }
    }

    /** An entry that mapped it does no longer. */
    void unmapped(AddressSpace mm, long page) {
        if (kind != Kind.ZERO) {
            mappings.remove(new Mapping(mm, page));
            if (folio != null) {
                folio.mapped(mm, -1);
            }
        }
    }

    /**
     * Somebody takes, or gives back, a reference: of PIN, as direct I/O does, or of GET, as a pipe
     * holds after vmsplice(2).
     */
    void hold(boolean pin, int by) {
        if (kind == Kind.ZERO) {
            return; // nobody counts those
        }
        if (folio != null) {
            folio.hold(pin, by);
        } else if (pin) {
            pins += by;
        } else {
            references += by;
        }
    }

    /** Whether a device may be at it, or at what it is a part of. */
    boolean isPinned() {
        return folio == null ? pins > 0 : folio.isPinned();
    }

    /** Whether somebody holds it, or what it is a part of, by reference. */
    boolean isHeld() {
        return folio == null ? pins + references > 0 : folio.isHeld();
    }

    /** Whether several processes map what it is a part of: folio_maybe_mapped_shared. */
    boolean isMappedByMany() {
        return folio == null ? mappings.size() > 1 : folio.isMappedByMany();
    }

    /** The kernel's page_count of what it is a part of, each entry of a page table counted. */
    int referenceCount() {
        int held = references + pins + (swapCount > 0 ? 1 : 0) + (cached ? 1 : 0);
        return folio == null ? mappings.size() + held : folio.referenceCount();
    }

    /** All that was allocated with it. */
    List<Frame> parts() {
        return folio == null ? List.of(this) : folio.frames();
    }

    /** From now on it is counted alone; what it was a part of is not held. */
    void leaveFolio() {
        folio = null;
    }

    byte get(int offset) {
        return content == null ? 0 : content[offset];
    }

    void put(int offset, byte value) {
        if (kind == Kind.ZERO) {
            throw new IllegalStateException("write to the zero page");
        }
        if (content == null) {
            content = new byte[Mmu.PAGE_BYTES];
        }
        content[offset] = value;
    }

    void copyFrom(Frame source) {
        content = source.content == null ? null : source.content.clone();
    }

    void fill(byte[] source, int offset) {
        content = Arrays.copyOfRange(source, offset, offset + Mmu.PAGE_BYTES);
    }

    /**
     * Moves bytes between the frame, from {@code offset} on, and {@code bytes}, from {@code index}
     * on.
     */
    void move(int offset, byte[] bytes, int index, int length, boolean toMemory) {
        for (int i = 0; i < length; i++) {
            if (toMemory) {
                put(offset + i, bytes[index + i]);
            } else {
                bytes[index + i] = get(offset + i);
            }
        }
    }

    boolean isZeros() {
        return content == null || Arrays.equals(content, ZEROS);
    }

    int contentHash() {
        return content == null ? 0 : Arrays.hashCode(content);
    }

    @Override
    public String toString() {
        return kind
                + "#"
                + number
                + " mapped "
                + mappings.size()
                + " swap "
                + swapCount
                + " get "
                + references
                + " pin "
                + pins
                + (exclusive ? " exclusive" : "");
    }
}
