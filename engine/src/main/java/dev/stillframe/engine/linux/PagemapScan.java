package dev.stillframe.engine.linux;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Which pages of a process are populated, and how: the {@code PAGEMAP_SCAN} ioctl of {@code
 * /proc/PID/pagemap}, Linux 6.7 ({@code Documentation/admin-guide/mm/pagemap.rst}). Bound to the
 * memory that the process had when this was opened. Not thread-safe.
 */
public final class PagemapScan implements AutoCloseable {
    /** In a mapping that is registered with {@link Userfaultfd.Feature#WP_ASYNC}. */
    public static final long REGISTERED = 1;

    /** Not write-protected: written since it was protected, or never protected. */
    public static final long WRITTEN = 2;

    /** A page of a file or of shared memory. */
    public static final long FILE = 4;

    /** In memory. */
    public static final long PRESENT = 8;

    /** Swapped out; a marker of an empty protected entry looks the same in anonymous memory. */
    public static final long SWAPPED = 0x10;

    /** The zero page. */
    public static final long PFNZERO = 0x20;

    /** Part of a huge page. */
    public static final long HUGE = 0x40;

    /**
     * A guard page, which nobody can read or write: MADV_GUARD_INSTALL; told since Linux 6.16,
     * before it looks swapped out.
     */
    public static final long GUARD = 0x100;

    /** Pages that are write-protected, with content or empty. */
    public static final Query PROTECTED =
            new Query(0, WRITTEN, PRESENT | SWAPPED, PRESENT | PFNZERO);

    /**
     * Whatever is not marked: empty pages as well, where there is a page table, and all that is not
     * in memory. The kernel has a loop for this query alone that takes a tenth of the time of any
     * other (pagemap_scan_pmd_entry in fs/proc/task_mmu.c).
     */
    public static final Query NOT_MARKED = new Query(WRITTEN, 0, 0, WRITTEN);

    private static final long PAGEMAP_SCAN = 0xc0606610L;
    private static final long PM_SCAN_WP_MATCHING = 1;
    private static final long PM_SCAN_CHECK_WPASYNC = 2;

    /** Without anything to tell apart all of it is one region. */
    private static final Query ALL_PROTECTED = new Query(0, WRITTEN, PRESENT | SWAPPED, WRITTEN);

    private static final int ARGUMENT_BYTES = 96;
    private static final int REGION_BYTES = 24;
    private static final int REGIONS = 2048;
    private static final int ENTRY_BYTES = 8;
    private static final int PAGE_BYTES = 4096;

    private final Descriptor pagemap;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment argument = arena.allocate(ARGUMENT_BYTES, 8);
    private final MemorySegment regions = arena.allocate((long) REGIONS * REGION_BYTES, 8);

    private PagemapScan(Descriptor pagemap) {
        this.pagemap = pagemap;
    }

    /** Receives adjacent pages of equal categories. */
    @FunctionalInterface
    public interface Visitor {
        /**
         * Pages from {@code start} to {@code end} are in {@code categories}, of those that were
         * asked for.
         */
        void visit(long start, long end, long categories);
    }

    /**
     * What to look for: a page matches if it has all of {@code required}, none of {@code excluded},
     * and one of {@code anyOf} (0: does not matter).
     *
     * @param report categories to tell the visitor; runs are split where they differ
     */
    public record Query(long required, long excluded, long anyOf, long report) {
        private Query without(long categories) {
            return (excluded & categories) == 0
                    ? this
                    : new Query(required, excluded & ~categories, anyOf, report);
        }
    }

    /** What this kernel can tell apart; it refuses to be asked about anything else. */
    private static final class Known {
        static final long CATEGORIES = knowsGuards() ? -1 : ~GUARD;

        private static boolean knowsGuards() {
            try (PagemapScan own = new PagemapScan(Descriptor.openRead("/proc/self/pagemap"))) {
                return own.ask(0, PAGE_BYTES, new Query(0, GUARD, 0, GUARD), 0, 1) >= 0;
            } catch (ErrnoException e) {
                throw new IllegalStateException("a process may always look at its own page map", e);
            }
        }
    }

    /** Opens the page map of a process, or of one of its threads. */
    public static PagemapScan of(int pid) throws ErrnoException {
        return new PagemapScan(Descriptor.openRead("/proc/" + pid + "/pagemap"));
    }

    /**
     * Visits the matching pages of {@code [start, end)} in address order.
     *
     * @throws ErrnoException ESRCH when the process has gone, perhaps after pages were visited
     */
    public void scan(long start, long end, Query query, Visitor visitor) throws ErrnoException {
        scan(start, end, query, 0, visitor);
    }

    /**
     * Visits the pages of {@code [start, end)} that were written since they were protected, and
     * protects them again: both at once for each page, so that no write is lost between.
     *
     * @throws ErrnoException EPERM if a mapping in the range is not registered with {@link
     *     Userfaultfd.Feature#WP_ASYNC}
     */
    public void takeWritten(long start, long end, Visitor visitor) throws ErrnoException {
        scan(start, end, NOT_MARKED, PM_SCAN_WP_MATCHING | PM_SCAN_CHECK_WPASYNC, visitor);
    }

    /**
     * Visits the matching pages of {@code [start, end)} and protects them, both at once for each
     * page. Parts that are not registered with {@link Userfaultfd.Feature#WP_ASYNC} are left out.
     */
    public void take(long start, long end, Query query, Visitor visitor) throws ErrnoException {
        scan(start, end, query, PM_SCAN_WP_MATCHING, visitor);
    }

    private void scan(long start, long end, Query query, long flags, Visitor visitor)
            throws ErrnoException {
        long from = start;
        Query known = query.without(~Known.CATEGORIES);
        while (from < end) {
            long count = ask(from, end, known, flags, REGIONS);
            Kernel.check(count, "ioctl(%s, PAGEMAP_SCAN, %x-%x)", pagemap, from, end);
            long visited = from;
            for (long i = 0; i < count; i++) {
                long at = i * REGION_BYTES;
                visited = regions.get(JAVA_LONG, at + 8);
                visitor.visit(regions.get(JAVA_LONG, at), visited, regions.get(JAVA_LONG, at + 16));
            }
            // The walk ends early only when the buffer is full. Where it ended is wrong after more
            // than 512 regions: the
            // kernel fills the buffer in parts of so many, and leaves walk_end from the last part
            // that it could not finish
            // (do_pagemap_scan in fs/proc/task_mmu.c, Linux 6.18). Going on there would visit pages
            // twice.
            long walkEnd = count < REGIONS ? end : Math.max(visited, argument.get(JAVA_LONG, 32));
            if (walkEnd <= from) {
                throw new IllegalStateException(
                        "PAGEMAP_SCAN stood still at " + Long.toHexString(from));
            }
            from = walkEnd;
        }
        checkMemory(start, end);
    }

    /** One call; how many regions it found, or a negative errno. Allocates nothing. */
    private long ask(long start, long end, Query query, long flags, int limit) {
        argument.fill((byte) 0);
        argument.set(JAVA_LONG, 0, ARGUMENT_BYTES);
        argument.set(JAVA_LONG, 8, flags);
        argument.set(JAVA_LONG, 16, start);
        argument.set(JAVA_LONG, 24, end);
        argument.set(JAVA_LONG, 40, regions.address());
        argument.set(JAVA_LONG, 48, limit);
        argument.set(JAVA_LONG, 64, query.excluded());
        argument.set(JAVA_LONG, 72, query.required() | query.excluded());
        argument.set(JAVA_LONG, 80, query.anyOf());
        argument.set(JAVA_LONG, 88, query.report());
        return Kernel.call(Syscall.IOCTL, pagemap.number(), PAGEMAP_SCAN, argument.address());
    }

    /**
     * Whether every page of {@code [start, end)} is {@link #PROTECTED} now; false when the process
     * has gone. Allocates nothing.
     *
     * @throws ErrnoException if the kernel refuses to tell
     */
    public boolean isProtected(long start, long end) throws ErrnoException {
        long count = ask(start, end, ALL_PROTECTED, 0, 1);
        if (count < 0 && !Kernel.is(count, Errno.ESRCH)) {
            Kernel.check(count, "ioctl(%s, PAGEMAP_SCAN, %x-%x)", pagemap, start, end);
        }
        return count == 1 && regions.get(JAVA_LONG, 0) == start && regions.get(JAVA_LONG, 8) == end;
    }

    /**
     * Some kernels find nothing in memory that has gone, as if all of it were empty. To read the
     * page map tells the two apart on all: there is nothing to be read any more (pagemap_read,
     * fs/proc/task_mmu.c).
     */
    private void checkMemory(long start, long end) throws ErrnoException {
        if (start < end
                && pagemap.read(argument.address(), ENTRY_BYTES, start / PAGE_BYTES * ENTRY_BYTES)
                        == 0) {
            throw new ErrnoException("read(%s)".formatted(pagemap), Errno.ESRCH.number());
        }
    }

    @Override
    public void close() {
        pagemap.close();
        arena.close();
    }
}
