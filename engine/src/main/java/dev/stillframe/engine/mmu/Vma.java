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
        boolean dontFork,
        boolean wipeOnFork,
        @Nullable Context context,
        int modes) {
    /** How much of a mapping one entry maps. */
    enum Units {
        /** A page. */
        PAGES,
        /** An aligned 2 MiB where possible; it splits when its parts differ: transparent huge pages. */
        HUGE_WHERE_POSSIBLE,
        /** An aligned 2 MiB, never less: hugetlbfs. */
        HUGE
    }

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
        return new Vma(newStart, newEnd, readable, writable, object, objectOffset + newStart - start, shared, mayWrite,
                units, dontFork, wipeOnFork, context, modes);
    }

    /** Whether both are parts of one mapping that are alike, and {@code next} begins where this one ends. */
    boolean isContinuedBy(Vma next) {
        return end == next.start && next.withBounds(start, end).equals(this);
    }

    /** The same mapping at another address. */
    Vma movedTo(long newStart, long newEnd) {
        return new Vma(newStart, newEnd, readable, writable, object, objectOffset, shared, mayWrite, units, dontFork,
                wipeOnFork, context, modes);
    }

    Vma withProtection(boolean read, boolean write) {
        return new Vma(start, end, read, write, object, objectOffset, shared, mayWrite, units, dontFork, wipeOnFork,
                context, modes);
    }

    Vma withForkAdvice(boolean dont, boolean wipe) {
        return new Vma(start, end, readable, writable, object, objectOffset, shared, mayWrite, units, dont, wipe,
                context, modes);
    }

    Vma registered(@Nullable Context newContext, int newModes) {
        return new Vma(start, end, readable, writable, object, objectOffset, shared, mayWrite, units, dontFork,
                wipeOnFork, newContext, newModes);
    }
}
