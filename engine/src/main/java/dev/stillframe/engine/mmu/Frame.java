package dev.stillframe.engine.mmu;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** A page of physical memory, or of swap: the model keeps a page's content where it is. Guarded by the model's lock. */
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

    final long number;
    final Kind kind;

    /** Page table entries that map it. Kept by {@link AddressSpace#set}. */
    int mapCount;

    /** Swap entries that stand for it. Kept by {@link AddressSpace#set}. */
    int swapCount;

    /** References of GET, as a pipe holds after vmsplice(2). */
    int references;

    /** References of PIN, as direct I/O holds. */
    int pins;

    /** Whether it is in the page cache of its object. */
    boolean cached;

    /** The kernel's PageAnonExclusive: one entry maps it, and no copy-on-write can be due. */
    boolean exclusive;

    private byte @Nullable [] content; // null: zeros

    Frame(long number, Kind kind) {
        this.number = number;
        this.kind = kind;
    }

    /** The kernel's page_count. */
    int referenceCount() {
        return mapCount + references + pins + (swapCount > 0 ? 1 : 0) + (cached ? 1 : 0);
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

    /** Moves bytes between the frame, from {@code offset} on, and {@code bytes}, from {@code index} on. */
    void move(int offset, byte[] bytes, int index, int length, boolean toMemory) {
        for (int i = 0; i < length; i++) {
            if (toMemory) {
                put(offset + i, bytes[index + i]);
            } else {
                bytes[index + i] = get(offset + i);
            }
        }
    }

    int contentHash() {
        return content == null ? 0 : Arrays.hashCode(content);
    }

    @Override
    public String toString() {
        return kind + "#" + number + " mapped " + mapCount + " swap " + swapCount + " get " + references + " pin " + pins
                + (exclusive ? " exclusive" : "");
    }
}
