package dev.stillframe.engine.mmu;

/** An entry of a page table. Immutable. */
sealed interface Entry {
    /** Nothing, and nothing remembered. */
    Entry EMPTY = new Empty();

    /** Nothing is mapped. */
    record Empty() implements Entry {
        @Override
        public boolean uffdWp() {
            return false;
        }

        @Override
        public Entry withUffdWp(boolean on) {
            throw new IllegalStateException("an empty entry has no bits");
        }
    }

    /** Nothing is mapped, but something is remembered: the kernel's PTE_MARKER. */
    record Marker(boolean uffdWp, boolean poisoned) implements Entry {
        @Override
        public Entry withUffdWp(boolean on) {
            return on || poisoned ? new Marker(on, poisoned) : EMPTY;
        }
    }

    /** The page is in swap. {@code exclusive} keeps {@link Frame#exclusive} meanwhile. */
    record Swapped(Frame frame, boolean uffdWp, boolean exclusive) implements Entry {
        @Override
        public Entry withUffdWp(boolean on) {
            return new Swapped(frame, on, exclusive);
        }
    }

    /** A page is mapped. */
    record Present(Frame frame, boolean writable, boolean uffdWp, boolean dirty) implements Entry {
        /**
         * Setting the bit takes the right to write with it, clearing it gives nothing back:
         * pte_mkuffd_wp.
         */
        @Override
        public Present withUffdWp(boolean on) {
            return new Present(frame, writable && !on, on, dirty);
        }

        Present withWritable(boolean on) {
            return new Present(frame, on, uffdWp, dirty);
        }

        Present withDirty() {
            return new Present(frame, writable, uffdWp, true);
        }
    }

    /** Whether writes are to be told. */
    boolean uffdWp();

    /** The entry with its write-protect bit set or cleared. */
    Entry withUffdWp(boolean on);
}
