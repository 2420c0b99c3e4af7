package dev.stillframe.engine.capture;

import static java.util.Objects.requireNonNull;

import dev.stillframe.engine.instant.Missing;
import dev.stillframe.engine.linux.Errno;
import dev.stillframe.engine.linux.ErrnoException;
import dev.stillframe.engine.linux.PagemapScan;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.memory.RegionKind;
import dev.stillframe.engine.process.Mapping;
import dev.stillframe.engine.process.Target;
import dev.stillframe.engine.tracking.WriteMarks;
import io.micrometer.core.instrument.Clock;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The mappings whose writes are marked, and what was written to them. Mappings come and go between
 * two rounds; what is mapped anew counts as written as a whole. Owned by one thread at a time.
 */
final class MarkedMemory implements AutoCloseable {
    private static final long CONTENT = PagemapScan.PRESENT | PagemapScan.SWAPPED;
    private static final long TOLD =
            PagemapScan.WRITTEN
                    | PagemapScan.PFNZERO
                    | PagemapScan.REGISTERED
                    | PagemapScan.SWAPPED
                    | PagemapScan.HUGE;

    private static final PagemapScan.Query WRITTEN =
            new PagemapScan.Query(
                    PagemapScan.WRITTEN,
                    PagemapScan.GUARD,
                    CONTENT,
                    PagemapScan.PFNZERO | PagemapScan.HUGE);

    /** Of a private mapping of a file only what is no longer the file's. */
    private static final PagemapScan.Query WRITTEN_NOT_FILE =
            new PagemapScan.Query(
                    PagemapScan.WRITTEN,
                    PagemapScan.GUARD | PagemapScan.FILE,
                    CONTENT,
                    PagemapScan.PFNZERO);

    /**
     * Where a marked page was discarded the kernel leaves its mark behind, and calls that swapped,
     * but for anonymous memory (zap_install_uffd_wp_if_needed in mm/memory.c,
     * __unmap_hugepage_range in mm/hugetlb.c): to read it shows what is there.
     */
    private static final PagemapScan.Query PERHAPS_DISCARDED =
            new PagemapScan.Query(PagemapScan.SWAPPED, PagemapScan.WRITTEN, 0, 0);

    private static final PagemapScan.Query NOT_REGISTERED =
            new PagemapScan.Query(0, PagemapScan.REGISTERED, 0, 0);

    /** A call costs as much as looking at so many pages. */
    private static final int JOINED_PAGES = 256;

    private static final PagemapScan.Query EMPTY = new PagemapScan.Query(0, CONTENT, 0, 0);

    /** 1 GiB; an image has 24 bytes for each. */
    private static final long MANY_PAGES = 1 << 18;

    private static final int HOLES_TO_DATA = 8;
    private static final String MOSTLY_HOLES =
            "a file of more than 1 GiB that is mapped shared and writable and holds next to nothing; the file has what was written to it";

    private static final PagemapScan.Query ALL =
            new PagemapScan.Query(0, PagemapScan.GUARD, CONTENT, TOLD);
    private static final PagemapScan.Query ALL_NOT_FILE =
            new PagemapScan.Query(0, PagemapScan.GUARD | PagemapScan.FILE, CONTENT, TOLD);

    /** The kernel's word for a mapping with a userfaultfd for writes: proc_pid_smaps(5). */
    private static final String REGISTERED = "uw";

    private final Target target;
    private final WriteMarks marks;
    private Map<Long, Set<String>> flags;
    private final TreeMap<Long, TrackedMapping> tracked = new TreeMap<>();

    /** Those of which nothing was taken yet. */
    private final Set<TrackedMapping> fresh = new HashSet<>();

    /** Those that were looked at before they were registered. */
    private final List<TrackedMapping> adopted = new ArrayList<>();

    private final Map<AddressRange, String> refused = new HashMap<>();
    private List<Mapping> mappings = List.of();

    /**
     * Pages of one mapping.
     *
     * @param content all that hold something
     * @param written those that have to be copied
     * @param pending by what they are found when they are marked; null if they are
     */
    record Found(
            TrackedMapping mapping,
            PageRuns content,
            PageRuns written,
            PagemapScan.@Nullable Query pending) {
        /** Whose pages are marked, or need not be. */
        Found(TrackedMapping mapping, PageRuns content, PageRuns written) {
            this(mapping, content, written, null);
        }
    }

    /** With {@code flags} as they were before: VmFlags by the start of a mapping. */
    MarkedMemory(Target target, WriteMarks marks, Map<Long, Set<String>> flags) {
        this.target = target;
        this.marks = marks;
        this.flags = flags;
    }

    /** All mappings, as they were when they were last looked at. */
    List<Mapping> mappings() {
        return mappings;
    }

    /** Those that are marked. */
    List<TrackedMapping> tracked() {
        return List.copyOf(tracked.values());
    }

    Treatment treatment(Mapping mapping) {
        return Treatment.of(mapping, flags);
    }

    /** What can be neither marked nor copied in the pause. */
    List<Missing> refused() {
        List<Missing> missing = new ArrayList<>();
        for (Mapping mapping : mappings) {
            Treatment treatment = treatment(mapping);
            String reason = refused.get(mapping.range());
            if (treatment.way() == Treatment.Way.MISSING) {
                missing.add(new Missing(mapping.range(), treatment.reason()));
            } else if (reason != null) {
                missing.add(new Missing(mapping.range(), reason));
            }
        }
        return missing;
    }

    /**
     * Begins the next snapshot: what was mapped anew, even where the same was before, is not known
     * any more. Shared memory may have been written by others, so that its marks tell nothing: all
     * of it counts as written.
     *
     * @throws ErrnoException ESRCH if the target runs another program now
     */
    void renew(Map<Long, Set<String>> now) throws IOException {
        flags = now;
        look();
        checkThatItIsThere();
        for (TrackedMapping t : List.copyOf(tracked.values())) {
            if (!now.getOrDefault(t.range().start(), Set.of()).contains(REGISTERED)) {
                forget(t);
            } else if (t.file() != null) {
                fresh.add(t);
            }
        }
    }

    /**
     * If the target runs another program now, the kernel refuses to register anything with ENOMEM
     * (userfaultfd_register, fs/userfaultfd.c); a scan says ESRCH.
     */
    private void checkThatItIsThere() throws IOException {
        if (!mappings.isEmpty()) {
            long start = mappings.getFirst().range().start();
            target.scan(start, start + Block.PAGE_BYTES, WRITTEN, (_, _, _) -> {});
        }
    }

    /**
     * Looks at the mappings again, forgets those that have gone, and registers those that are new
     * or have changed.
     */
    void refresh() throws IOException {
        look();
        refused.clear();
        adopted.stream()
                .filter(t -> t.equals(tracked.get(t.range().start())))
                .forEach(this::forget);
        adopted.clear();
        for (Mapping mapping : mappings) {
            if (isMarkable(mapping) && !tracked.containsKey(mapping.range().start())) {
                register(mapping);
            }
        }
    }

    /** The same, but what is new or has changed is left as it is: {@link #lookAtAll} finds it. */
    void look() throws IOException {
        mappings = target.mappings();
        Map<Long, Mapping> now = new HashMap<>();
        mappings.forEach(mapping -> now.put(mapping.range().start(), mapping));
        for (TrackedMapping t : List.copyOf(tracked.values())) {
            Mapping mapping = now.get(t.range().start());
            if (mapping == null || !isMarkable(mapping) || !isSame(t, mapping)) {
                forget(t);
            }
        }
    }

    private void forget(TrackedMapping t) {
        tracked.remove(t.range().start());
        fresh.remove(t);
        close(t);
    }

    private static void close(TrackedMapping t) {
        if (t.file() != null) {
            t.file().close();
        }
    }

    /** An image has a record for each page of such a file, also where it holds nothing. */
    private static boolean isMostlyHoles(TrackedMapping t) throws IOException {
        long pages = t.range().sizeBytes() / Block.PAGE_BYTES;
        return t.kind() == RegionKind.SHARED_FILE
                && pages > MANY_PAGES
                && Registration.dataPages(t) < pages / HOLES_TO_DATA;
    }

    private boolean isMarkable(Mapping mapping) {
        return switch (treatment(mapping).way()) {
            case PROTECT, COPY_CHANGED, MARK -> true;
            case COPY_WHOLE, REFERENCE, MISSING -> false;
        };
    }

    private boolean isSame(TrackedMapping known, Mapping mapping) {
        return known.range().equals(mapping.range())
                && known.kind() == treatment(mapping).kind()
                && known.object().equals(object(mapping))
                && known.fileDelta() == mapping.range().start() - mapping.offset();
    }

    private static String object(Mapping mapping) {
        return mapping.inode() == 0 ? "" : mapping.object();
    }

    private void register(Mapping mapping) throws IOException {
        try {
            track(opened(mapping));
        } catch (ErrnoException e) {
            refused.put(mapping.range(), reason(e));
        }
    }

    /** Closes it if it cannot be. */
    private void track(TrackedMapping t) throws IOException {
        boolean isRegistered = false;
        try {
            if (isMostlyHoles(t)) {
                refused.put(t.range(), MOSTLY_HOLES);
                return;
            }
            marks.register(t.range());
            isRegistered = true;
        } finally {
            if (!isRegistered) {
                close(t);
            }
        }
        tracked.put(t.range().start(), t);
        fresh.add(t);
    }

    private String reason(ErrnoException e) throws IOException {
        if (e.is(Errno.ESRCH)) {
            throw e;
        }
        checkThatItIsThere();
        return Registration.reason(e);
    }

    private TrackedMapping opened(Mapping mapping) throws IOException {
        RegionKind kind = treatment(mapping).kind();
        return new TrackedMapping(
                mapping.range(),
                kind,
                kind == RegionKind.SHARED || kind == RegionKind.SHARED_FILE
                        ? target.open(mapping)
                        : null,
                mapping.range().start() - mapping.offset(),
                object(mapping));
    }

    /**
     * What was written since it was last taken: of what is registered only lately, all that there
     * is, and {@code relief} hears which of it is in huge pages. Memory that nobody else has is
     * marked again when it is {@linkplain #takePiece copied}, all other memory by this.
     */
    List<Found> take(RoundRelief relief) throws IOException {
        List<Found> found = new ArrayList<>();
        for (TrackedMapping t : tracked.values()) {
            PageRuns written = new PageRuns();
            boolean isFresh = fresh.remove(t);
            PagemapScan.Query query = isFresh ? all(t) : written(t);
            PagemapScan.Visitor visitor =
                    (start, end, categories) -> {
                        if (isFresh && (categories & PagemapScan.HUGE) != 0) {
                            relief.wasHuge(start, end);
                        }
                        addUnlessZero(written, start, end, categories);
                    };
            if (t.kind() == RegionKind.ANONYMOUS) {
                target.scan(t.range().start(), t.range().end(), query, visitor);
                found.add(new Found(t, written, written, query));
            } else {
                marks.take(t.range().start(), t.range().end(), query, visitor);
                found.add(takenOf(t, isFresh, written));
            }
        }
        return spread(found);
    }

    /**
     * Marks what is to be copied in a piece of memory, and says what it is. The later that is, the
     * fewer pages are written again before the next round.
     */
    PageRuns takePiece(Found found, AddressRange piece) throws IOException {
        PageRuns runs = new PageRuns();
        marks.take(
                piece.start(),
                piece.end(),
                requireNonNull(found.pending()),
                (start, end, categories) -> addUnlessZero(runs, start, end, categories));
        return runs;
    }

    private Found takenOf(TrackedMapping t, boolean isFresh, PageRuns written) throws IOException {
        if (t.file() == null) {
            PageRuns all = written.or(discarded(t));
            return new Found(t, all, all);
        }
        PageRuns data = data(t);
        PageRuns gone = takeEmptyEntries(data);
        PageRuns all = isFresh ? data : data.in(written.or(gone));
        return new Found(t, all, all);
    }

    /**
     * Where a page of shared memory or of a file was taken away to make room, its entry is empty,
     * whether it was written or not; of a marked one the mark is left
     * (pte_install_uffd_wp_if_needed, mm/memory.c). So empty entries count as written, and are
     * marked.
     */
    private PageRuns takeEmptyEntries(PageRuns data) throws IOException {
        PageRuns runs = new PageRuns();
        for (int run = 0; run < data.count(); run++) {
            marks.take(
                    data.start(run), data.end(run), EMPTY, (start, end, _) -> runs.add(start, end));
        }
        return runs;
    }

    private static PagemapScan.Query written(TrackedMapping t) {
        return t.kind() == RegionKind.PRIVATE_FILE ? WRITTEN_NOT_FILE : WRITTEN;
    }

    /** A page that was moved here may have brought a mark with it: mremap(2) before Linux 6.13. */
    private static PagemapScan.Query all(TrackedMapping t) {
        return t.kind() == RegionKind.PRIVATE_FILE ? ALL_NOT_FILE : ALL;
    }

    private static boolean leavesMarks(TrackedMapping t) {
        return t.kind() == RegionKind.PRIVATE_FILE || t.kind() == RegionKind.HUGETLB;
    }

    private PageRuns discarded(TrackedMapping t) throws IOException {
        return leavesMarks(t) ? scan(t.range(), PERHAPS_DISCARDED) : new PageRuns();
    }

    private static void addUnlessZero(PageRuns runs, long start, long end, long categories) {
        if ((categories & PagemapScan.PFNZERO) == 0) {
            runs.add(start, end);
        }
    }

    /**
     * All content that there is now, and of that what was written since it was last taken, is not
     * registered, or is not known by {@code ordinals} to have been copied: shared memory that only
     * others have touched, for instance. Marks nothing.
     */
    List<Found> lookAtAll(Ordinals ordinals) throws IOException {
        List<Found> found = new ArrayList<>();
        for (Mapping mapping : mappings) {
            if (isMarkable(mapping) && !refused.containsKey(mapping.range())) {
                TrackedMapping known = tracked.get(mapping.range().start());
                found.add(lookAt(known != null ? known : adopted(mapping), ordinals));
            }
        }
        return spread(found);
    }

    /** Not registered, as its pages will tell. */
    private TrackedMapping adopted(Mapping mapping) throws IOException {
        TrackedMapping t = opened(mapping);
        tracked.put(mapping.range().start(), t);
        adopted.add(t);
        return t;
    }

    /** {@code ordinals} know which pages were copied when they were marked. */
    private Found lookAt(TrackedMapping t, Ordinals ordinals) throws IOException {
        PageRuns unchanged = unchanged(t, ordinals);
        PageRuns content = new PageRuns();
        PageRuns written = new PageRuns();
        PageRuns rest = PageRuns.of(t.range()).without(unchanged).joined(JOINED_PAGES);
        for (int run = 0; run < rest.count(); run++) {
            lookAt(t, rest.start(run), rest.end(run), content, written);
        }
        content = content.or(unchanged);
        if (t.file() == null) {
            return new Found(t, content, written.or(notStored(content, ordinals)));
        }
        PageRuns all = data(t);
        PageRuns since = all.without(content.without(written));
        return new Found(t, all, since.or(notStored(all, ordinals)));
    }

    /**
     * Pages of private memory that hold what was copied when they were marked, as far as one quick
     * look tells. The mark of a page that is not registered any more tells nothing.
     */
    private PageRuns unchanged(TrackedMapping t, Ordinals ordinals) throws IOException {
        AddressRange range = t.range();
        if (t.kind() != RegionKind.ANONYMOUS || fresh.contains(t) || adopted.contains(t)) {
            return new PageRuns();
        }
        if (scan(range, NOT_REGISTERED).count() > 0) {
            return new PageRuns();
        }
        PageRuns marked = PageRuns.of(range).without(scan(range, PagemapScan.NOT_MARKED));
        return marked.without(notStored(marked, ordinals));
    }

    private PageRuns scan(AddressRange range, PagemapScan.Query query) throws IOException {
        PageRuns runs = new PageRuns();
        target.scan(range.start(), range.end(), query, (start, end, _) -> runs.add(start, end));
        return runs;
    }

    private void lookAt(TrackedMapping t, long from, long to, PageRuns content, PageRuns written)
            throws IOException {
        target.scan(
                from,
                to,
                all(t),
                (start, end, categories) -> {
                    if ((categories & PagemapScan.PFNZERO) == 0) {
                        content.add(start, end);
                        if ((categories & PagemapScan.WRITTEN) != 0
                                || (categories & PagemapScan.REGISTERED) == 0
                                || (leavesMarks(t) && (categories & PagemapScan.SWAPPED) != 0)) {
                            written.add(start, end);
                        }
                    }
                });
    }

    /**
     * Pages of shared memory that hold something, whoever has them mapped; all pages of a file, for
     * nothing says what one holds that the image does not have.
     */
    private static PageRuns data(TrackedMapping t) throws IOException {
        PageRuns runs = new PageRuns();
        if (t.kind() == RegionKind.SHARED_FILE) {
            long size = requireNonNull(t.file()).state().sizeBytes();
            long end = (size + Block.PAGE_BYTES - 1) / Block.PAGE_BYTES * Block.PAGE_BYTES;
            if (end + t.fileDelta() > t.range().start()) {
                runs.add(t.range().start(), Math.min(t.range().end(), end + t.fileDelta()));
            }
            return runs;
        }
        Registration.eachData(
                t, t.range().start(), t.range().end(), (Registration.RangeVisitor) runs::add);
        return runs;
    }

    private static PageRuns notStored(PageRuns data, Ordinals ordinals) {
        PageRuns runs = new PageRuns();
        for (int run = 0; run < data.count(); run++) {
            long at = ordinals.firstNotStored(data.start(run), data.end(run));
            while (at < data.end(run)) {
                long end = ordinals.firstStored(at, data.end(run));
                runs.add(at, end);
                at = ordinals.firstNotStored(end, data.end(run));
            }
        }
        return runs;
    }

    /**
     * What was written by one mapping of shared memory has changed in all others of it, and is
     * marked in none of them.
     */
    private static List<Found> spread(List<Found> found) {
        Map<String, List<Found>> byObject = new HashMap<>();
        for (Found each : found) {
            if (each.mapping().file() != null) {
                byObject.computeIfAbsent(each.mapping().object(), _ -> new ArrayList<>()).add(each);
            }
        }
        byObject.values().removeIf(all -> all.size() < 2);
        if (byObject.isEmpty()) {
            return found;
        }
        List<Found> result = new ArrayList<>();
        for (Found each : found) {
            PageRuns written = each.written();
            for (Found other : byObject.getOrDefault(each.mapping().object(), List.of())) {
                if (!other.mapping().equals(each.mapping())) {
                    written = written.or(shifted(other, each.mapping()));
                }
            }
            result.add(new Found(each.mapping(), each.content(), written, each.pending()));
        }
        return result;
    }

    /** Where {@code to} shows what was written through another mapping of the same memory. */
    private static PageRuns shifted(Found from, TrackedMapping to) {
        long shift = to.fileDelta() - from.mapping().fileDelta();
        PageRuns runs = new PageRuns();
        for (int run = 0; run < from.written().count(); run++) {
            long start = Math.max(from.written().start(run) + shift, to.range().start());
            long end = Math.min(from.written().end(run) + shift, to.range().end());
            if (start < end) {
                runs.add(start, end);
            }
        }
        return runs;
    }

    /** Takes marks and registrations away. */
    void giveBack(Clock clock) {
        PieceByPiece.giveBack(tracked.values(), marks::unregister, clock);
    }

    @Override
    public void close() {
        tracked.values().forEach(MarkedMemory::close);
        tracked.clear();
    }
}
