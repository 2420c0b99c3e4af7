package dev.stillframe.engine.mmu;

import org.jspecify.annotations.Nullable;

/**
 * A mapping of an address space, {@code [start, end)}. Immutable.
 *
 * @param object what is mapped; null: anonymous memory
 * @param objectOffset where in the object {@code start} is, in bytes
 * @param shared whether writes go to the object; else they are private (copy-on-write)
 * @param mayWrite false for a shared mapping of a file that was opened for reading
 * @param units how much one entry maps
 * @param marks what the program said about it
 * @param family whose private pages it holds; null: none yet, so that fork(2) has nothing to
 *     duplicate
 * @param context whom faults are told, null: nobody
 * @param modes registration modes, of {@link Userfault}
 */
record Vma(
        long start,
        long end,
        boolean readable,
        boolean writable,
        @Nullable SharedObject object,
        long objectOffset,
        boolean shared,
        boolean mayWrite,
        Units units,
        Marks marks,
        @Nullable Family family,
        @Nullable Context context,
        int modes) {
    /** How much of a mapping one entry maps. */
    enum Units {
        /** A page. */
        PAGES,
        /**
         * An aligned 2 MiB where possible; it splits when its parts differ: transparent huge pages.
         */
        HUGE_WHERE_POSSIBLE,
        /** An aligned 2 MiB, never less: hugetlbfs. */
        HUGE
    }

    /**
     * What madvise(2) and mlock(2) leave behind.
     *
     * @param dontFork a child does not get it
     * @param wipeOnFork a child gets it empty
     * @param locked it stays in memory
     */
    record Marks(boolean dontFork, boolean wipeOnFork, boolean locked) {
        static final Marks NONE = new Marks(false, false, false);

        Marks forChild() {
            return new Marks(dontFork, wipeOnFork, false);
        }

        Marks advised(MemoryCalls.Advice advice) {
            return new Marks(
                    dontFork || advice == MemoryCalls.Advice.DONTFORK,
                    wipeOnFork || advice == MemoryCalls.Advice.WIPEONFORK,
                    locked);
        }

        Marks withLocked() {
            return new Marks(dontFork, wipeOnFork, true);
        }
    }

    /**
     * Mappings that were one when their first private page came: the kernel's anon_vma. Others
     * never join.
     */
    static final class Family {}

    boolean isHugetlb() {
        return units == Units.HUGE;
    }

    /** Whether a change of part of it is refused that does not cover whole units. */
    boolean refuses(long from, long to) {
        return isHugetlb() && (from % Mmu.HUGE_BYTES != 0 || to % Mmu.HUGE_BYTES != 0);
    }

    /** Whether protection outlives the page: not in ordinary anonymous memory. */
    boolean remembersProtection() {
        return isWp() && (!isAnonymous() || isHugetlb());
    }

    boolean isAnonymous() {
        return object == null;
    }

    /** Whether copy-on-write applies. */
    boolean isCow() {
        return !shared;
    }

    boolean isMissing() {
        return (modes & Userfault.MODE_MISSING) != 0;
    }

    boolean isWp() {
        return (modes & Userfault.MODE_WP) != 0;
    }

    boolean isMinor() {
        return (modes & Userfault.MODE_MINOR) != 0;
    }

    boolean has(Feature feature) {
        return context != null && context.has(feature);
    }

    boolean isWpAsync() {
        return isWp() && has(Feature.WP_ASYNC);
    }

    /** Whether protection of empty entries is remembered: userfaultfd_wp_use_markers. */
    boolean usesMarkers() {
        return remembersProtection() || isWp() && has(Feature.WP_UNPOPULATED);
    }

    /** Index in the object of a page of the address space. */
    long objectPage(long page) {
        return page - Mmu.pageOf(start) + Mmu.pageOf(objectOffset);
    }

    Vma withBounds(long newStart, long newEnd) {
        return new Vma(
                newStart,
                newEnd,
                readable,
                writable,
                object,
                objectOffset + newStart - start,
                shared,
                mayWrite,
                units,
                marks,
                family,
                context,
                modes);
    }

    /**
     * Whether both are parts of one mapping that are alike, and {@code next} begins where this one
     * ends.
     */
    boolean isContinuedBy(Vma next) {
        boolean related = family == null || next.family == null || family == next.family;
        return end == next.start
                && related
                && next.withBounds(start, end).withFamily(family).equals(this);
    }

    /**
     * Whether {@code next} begins where this one ends, and they differ in their rights at most:
     * anon_vma_compatible.
     */
    boolean mayShareFamilyWith(Vma next) {
        Vma alike = next.withBounds(start, end).withFamily(family).withRights(readable, writable);
        return end == next.start && alike.equals(this);
    }

    /**
     * The same mapping at another address. Memory that never had a page of its own forgets where it
     * was.
     */
    Vma movedTo(long newStart, long newEnd) {
        long offset = object == null && family == null ? newStart : objectOffset;
        return new Vma(
                newStart, newEnd, readable, writable, object, offset, shared, mayWrite, units,
                marks, family, context, modes);
    }

    Vma withRights(boolean read, boolean write) {
        return new Vma(
                start,
                end,
                read,
                write,
                object,
                objectOffset,
                shared,
                mayWrite,
                units,
                marks,
                family,
                context,
                modes);
    }

    Vma with(Marks newMarks) {
        return new Vma(
                start,
                end,
                readable,
                writable,
                object,
                objectOffset,
                shared,
                mayWrite,
                units,
                newMarks,
                family,
                context,
                modes);
    }

    /** The same, in huge pages where it can: MADV_HUGEPAGE. */
    Vma asHuge() {
        Units huge = units == Units.PAGES && isAnonymous() ? Units.HUGE_WHERE_POSSIBLE : units;
        return new Vma(
                start,
                end,
                readable,
                writable,
                object,
                objectOffset,
                shared,
                mayWrite,
                huge,
                marks,
                family,
                context,
                modes);
    }

    Vma withFamily(@Nullable Family newFamily) {
        return new Vma(
                start,
                end,
                readable,
                writable,
                object,
                objectOffset,
                shared,
                mayWrite,
                units,
                marks,
                newFamily,
                context,
                modes);
    }

    Vma registered(@Nullable Context newContext, int newModes) {
        return new Vma(
                start,
                end,
                readable,
                writable,
                object,
                objectOffset,
                shared,
                mayWrite,
                units,
                marks,
                family,
                newContext,
                newModes);
    }
}
