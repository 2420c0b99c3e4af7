package dev.stillframe.engine.mmu;

import org.jspecify.annotations.Nullable;

/**
 * A mapping of an address space, {@code [start, end)}. Immutable.
 *
 * @param units how much one entry maps
 * @param marks what the program said about it
 * @param family whose private pages it holds; null: none yet, so that fork(2) has nothing to
 *     duplicate
 */
record Vma(
        long start,
        long end,
        Rights rights,
        Backing backing,
        Units units,
        Marks marks,
        @Nullable Family family,
        Registration registration) {
    /**
     * What a program may do with it.
     *
     * @param mayWrite false for a shared mapping of a file that was opened for reading: it never
     *     becomes writable
     */
    record Rights(boolean readable, boolean writable, boolean mayWrite) {
        static final Rights ALL = new Rights(true, true, true);
        static final Rights READ_ONLY = new Rights(true, false, false);
    }

    /**
     * What is mapped.
     *
     * @param object null: anonymous memory
     * @param offset where in the object the mapping starts, in bytes
     * @param shared whether writes go to the object; else they are private (copy-on-write)
     */
    record Backing(@Nullable SharedObject object, long offset, boolean shared) {
        Backing at(long newOffset) {
            return new Backing(object, newOffset, shared);
        }
    }

    /**
     * Who watches it.
     *
     * @param context whom faults are told, null: nobody
     * @param modes registration modes, of {@link Userfault}
     */
    record Registration(@Nullable Context context, int modes) {
        static final Registration NONE = new Registration(null, 0);
    }

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

    boolean readable() {
        return rights.readable;
    }

    boolean writable() {
        return rights.writable;
    }

    boolean mayWrite() {
        return rights.mayWrite;
    }

    @Nullable SharedObject object() {
        return backing.object;
    }

    long objectOffset() {
        return backing.offset;
    }

    boolean shared() {
        return backing.shared;
    }

    @Nullable Context context() {
        return registration.context;
    }

    int modes() {
        return registration.modes;
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
        return backing.object == null;
    }

    /** Whether copy-on-write applies. */
    boolean isCow() {
        return !backing.shared;
    }

    boolean isMissing() {
        return (registration.modes & Userfault.MODE_MISSING) != 0;
    }

    boolean isWp() {
        return (registration.modes & Userfault.MODE_WP) != 0;
    }

    boolean isMinor() {
        return (registration.modes & Userfault.MODE_MINOR) != 0;
    }

    boolean has(Feature feature) {
        Context context = registration.context;
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
        return page - Mmu.pageOf(start) + Mmu.pageOf(backing.offset);
    }

    Vma withBounds(long newStart, long newEnd) {
        return new Vma(
                newStart,
                newEnd,
                rights,
                backing.at(backing.offset + newStart - start),
                units,
                marks,
                family,
                registration);
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
        Vma alike =
                next.withBounds(start, end).withFamily(family).withRights(readable(), writable());
        return end == next.start && alike.equals(this);
    }

    /**
     * The same mapping at another address. Memory that never had a page of its own forgets where it
     * was.
     */
    Vma movedTo(long newStart, long newEnd) {
        long offset = isAnonymous() && family == null ? newStart : backing.offset;
        return new Vma(
                newStart, newEnd, rights, backing.at(offset), units, marks, family, registration);
    }

    Vma withRights(boolean read, boolean write) {
        return with(new Rights(read, write, rights.mayWrite));
    }

    Vma with(Rights newRights) {
        return new Vma(start, end, newRights, backing, units, marks, family, registration);
    }

    Vma with(Marks newMarks) {
        return new Vma(start, end, rights, backing, units, newMarks, family, registration);
    }

    /** The same, in huge pages where it can: MADV_HUGEPAGE. */
    Vma asHuge() {
        Units huge = units == Units.PAGES && isAnonymous() ? Units.HUGE_WHERE_POSSIBLE : units;
        return new Vma(start, end, rights, backing, huge, marks, family, registration);
    }

    Vma withFamily(@Nullable Family newFamily) {
        return new Vma(start, end, rights, backing, units, marks, newFamily, registration);
    }

    Vma registered(@Nullable Context context, int modes) {
        return with(new Registration(context, modes));
    }

    Vma unregistered() {
        return with(Registration.NONE);
    }

    private Vma with(Registration newRegistration) {
        return new Vma(start, end, rights, backing, units, marks, family, newRegistration);
    }
}
