package dev.stillframe.engine.capture;

import dev.stillframe.engine.instant.Missing;
import dev.stillframe.engine.linux.Errno;
import dev.stillframe.engine.linux.ErrnoException;
import dev.stillframe.engine.linux.PagemapScan;
import dev.stillframe.engine.linux.PagemapScan.Query;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.memory.MemoryFile;
import dev.stillframe.engine.memory.RegionKind;
import dev.stillframe.engine.process.Mapping;
import dev.stillframe.engine.process.Target;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Which mappings are registered, and which of their pages are populated: registered ranges become
 * blocks, wherever there is something in them. Owned by the thread that arms.
 */
final class Registration implements AutoCloseable {
    private static final Query POPULATED =
            new Query(
                    0,
                    PagemapScan.PFNZERO | PagemapScan.GUARD,
                    PagemapScan.PRESENT | PagemapScan.SWAPPED,
                    PagemapScan.HUGE);

    private static final Query FILLED =
            new Query(
                    PagemapScan.WRITTEN,
                    PagemapScan.PFNZERO | PagemapScan.GUARD,
                    PagemapScan.PRESENT | PagemapScan.SWAPPED,
                    PagemapScan.WRITTEN);

    private final Target target;
    private final Capture capture;
    private final TreeMap<Long, TrackedMapping> tracked = new TreeMap<>();

    /** Blocks with something in them that are not in the table yet. */
    private final TreeMap<Long, Block> found = new TreeMap<>();

    private final List<MemoryFile> files = new ArrayList<>();
    private final List<Missing> refused = new ArrayList<>();

    Registration(Target target, Capture capture) {
        this.target = target;
        this.capture = capture;
    }

    /** What could not be registered. */
    List<Missing> refused() {
        return refused;
    }

    List<TrackedMapping> tracked() {
        return List.copyOf(tracked.values());
    }

    /** Whether an address is in a registered mapping. */
    boolean isTracked(long address) {
        Map.Entry<Long, TrackedMapping> below = tracked.floorEntry(address);
        return below != null && below.getValue().range().contains(address);
    }

    /** Mappings of shared memory that is mapped more than once. */
    List<TrackedMapping> aliases() {
        Map<String, Long> mapped =
                tracked.values().stream()
                        .filter(t -> t.file() != null)
                        .collect(
                                Collectors.groupingBy(
                                        TrackedMapping::object, Collectors.counting()));
        return tracked.values().stream()
                .filter(t -> mapped.getOrDefault(t.object(), 0L) > 1)
                .toList();
    }

    /**
     * Registers the parts of a mapping that are not registered yet and finds what is populated
     * there: {@code claim} is what becomes of that. The blocks are in the table after {@link
     * #publish}.
     */
    void add(Mapping mapping, Treatment treatment, byte claim) throws IOException {
        for (AddressRange range : uncovered(mapping.range())) {
            if (register(range)) {
                track(mapping, treatment, range);
                discover(range, claim);
            }
        }
    }

    /** False if it cannot be protected: it is listed then. */
    private boolean register(AddressRange range) throws IOException {
        try {
            capture.tracker.register(range);
            return true;
        } catch (ErrnoException e) {
            if (e.is(Errno.ESRCH)) {
                throw e;
            }
            refused.add(new Missing(range, reason(e)));
            return false;
        }
    }

    private void track(Mapping mapping, Treatment treatment, AddressRange range)
            throws IOException {
        @Nullable MemoryFile file = null;
        if (treatment.kind() == RegionKind.SHARED) {
            try {
                file = openFile(mapping);
            } catch (ErrnoException e) {
                refused.add(
                        new Missing(
                                range, "what is mapped cannot be opened (" + e.getMessage() + ")"));
                return;
            }
        }
        TrackedMapping t =
                new TrackedMapping(
                        range,
                        treatment.kind(),
                        file,
                        mapping.range().start() - mapping.offset(),
                        file == null ? "" : mapping.object());
        tracked.put(range.start(), t);
        for (Block block : within(range)) {
            block.add(t.piece(block));
            block.warm(); // nobody has seen this part of it
        }
    }

    /**
     * Whether a mapping is as it was registered, and every page of it was seen protected: most are,
     * of tens of thousands.
     */
    boolean isSettled(Mapping mapping) {
        TrackedMapping t = tracked.get(mapping.range().start());
        if (t == null || t.file() != null || !t.range().equals(mapping.range())) {
            return false;
        }
        for (long at = Block.startOf(t.range().start()); at < t.range().end(); at += Block.BYTES) {
            Block block = capture.table.find(at);
            if (block == null || block.isWarm()) {
                return false;
            }
        }
        return true;
    }

    /**
     * In the freeze: makes sure that all of a mapping is registered, and finds what is populated
     * wherever nobody has seen it protected. After {@link #settle} no page of it is {@link
     * Claim#UNSEEN}.
     */
    void lookAgain(Mapping mapping, Treatment treatment) throws IOException {
        forgetOthers(mapping);
        List<AddressRange> unseen = unseen(mapping.range());
        add(mapping, treatment, Claim.HOT);
        for (AddressRange range : unseen) {
            if (register(range)) {
                discover(range, Claim.HOT);
            } else {
                remove(range);
            }
        }
    }

    /**
     * After {@link #lookAgain} at every mapping, since a block may be made for what is found in
     * another: where nothing was found, nothing is.
     */
    void settle(AddressRange range) {
        for (Block block : within(range)) {
            if (block.isWarm()) {
                moveAll(
                        block,
                        block.firstPage(range),
                        block.endPage(range),
                        Claim.UNSEEN,
                        Claim.ZERO);
            }
        }
    }

    /**
     * Something else may have been mapped over shared memory without a word: shmat(2) with
     * SHM_REMAP, remap_file_pages(2).
     */
    private void forgetOthers(Mapping mapping) {
        for (TrackedMapping t : List.copyOf(overlapping(mapping.range()))) {
            boolean same =
                    t.file() == null
                            || (t.object().equals(mapping.object())
                                    && t.fileDelta() == mapping.range().start() - mapping.offset());
            if (!same) {
                remove(t.range());
            }
        }
    }

    /** Registered parts of a range that nobody has seen protected. */
    private List<AddressRange> unseen(AddressRange range) {
        List<AddressRange> unseen = new ArrayList<>();
        for (TrackedMapping t : overlapping(range)) {
            long from = Math.max(range.start(), t.range().start());
            long end = Math.min(range.end(), t.range().end());
            for (Block block : within(new AddressRange(from, end))) {
                addGap(unseen, from, block.start);
                from = Math.max(from, block.start);
                long blockEnd = Math.min(end, block.start + Block.BYTES);
                if (block.isWarm()) {
                    addUnseen(
                            unseen,
                            block,
                            Block.pageOf(from),
                            block.endPage(new AddressRange(from, blockEnd)));
                }
                from = blockEnd;
            }
            addGap(unseen, from, end);
        }
        return unseen;
    }

    private static void addUnseen(List<AddressRange> unseen, Block block, int first, int end) {
        int page = first;
        while (page < end) {
            int after = block.runEnd(page, end, Claim.UNSEEN);
            if (after > page) {
                addGap(unseen, block.address(page), block.address(after));
            }
            page = after + 1;
        }
    }

    /** Neighbours are joined. */
    private static void addGap(List<AddressRange> gaps, long start, long end) {
        if (start >= end) {
            return;
        }
        boolean touches = !gaps.isEmpty() && gaps.getLast().end() == start;
        gaps.add(new AddressRange(touches ? gaps.removeLast().start() : start, end));
    }

    private static void moveAll(Block block, int first, int end, byte from, byte to) {
        for (int page = first; page < end; page++) {
            block.move(page, from, to);
        }
    }

    private Collection<TrackedMapping> overlapping(AddressRange range) {
        Map.Entry<Long, TrackedMapping> below = tracked.floorEntry(range.start());
        boolean reaches = below != null && below.getValue().range().contains(range.start());
        return tracked.subMap(reaches ? below.getKey() : range.start(), true, range.end(), false)
                .values();
    }

    /** Why the kernel would not register memory. */
    static String reason(ErrnoException e) {
        if (e.is(Errno.EBUSY)) {
            return "registered with another userfaultfd, by the target itself or a debugger of it";
        }
        if (e.is(Errno.EPERM)) {
            return "a shared mapping of a file that was opened read-only or sealed cannot be protected";
        }
        return "the kernel cannot protect it (" + e.getMessage() + ")";
    }

    private MemoryFile openFile(Mapping mapping) throws IOException {
        MemoryFile file = target.open(mapping);
        files.add(file);
        return file;
    }

    /** Forgets what the target unmapped before T0. */
    void remove(AddressRange range) {
        for (TrackedMapping t : List.copyOf(overlapping(range))) {
            tracked.remove(t.range().start());
            keep(t, t.range().start(), range.start());
            keep(t, range.end(), t.range().end());
        }
        for (Block block : within(range)) {
            block.setRun(block.firstPage(range), block.endPage(range), Claim.UNSEEN);
            block.remove(block.firstPage(range), block.endPage(range));
            block.setHuge(false);
            block.warm();
        }
    }

    private void keep(TrackedMapping t, long start, long end) {
        if (start < end) {
            tracked.put(start, t.part(start, end));
        }
    }

    private List<AddressRange> uncovered(AddressRange wanted) {
        List<AddressRange> gaps = new ArrayList<>();
        long from = wanted.start();
        for (TrackedMapping t : overlapping(wanted)) {
            addGap(gaps, from, t.range().start());
            from = Math.max(from, t.range().end());
        }
        addGap(gaps, from, wanted.end());
        return gaps;
    }

    /**
     * Finds populated pages of registered memory in {@code range} and puts their blocks, whole,
     * under care.
     *
     * @param claim what populated pages become of which nothing is known yet
     */
    void discover(AddressRange range, byte claim) throws IOException {
        PagemapScan.Visitor mark = (from, to, categories) -> mark(from, to, categories, claim);
        for (TrackedMapping t : overlapping(range)) {
            long start = Math.max(range.start(), t.range().start());
            long end = Math.min(range.end(), t.range().end());
            if (t.file() == null) {
                target.scan(start, end, POPULATED, mark);
            } else {
                eachData(t, start, end, mark);
            }
        }
    }

    private void mark(long start, long end, long categories, byte claim) {
        for (long at = start; at < end; at = Block.startOf(at) + Block.BYTES) {
            Block block = block(at);
            int first = Block.pageOf(at);
            int limit = (int) Math.min(Block.PAGES, first + (end - at) / Block.PAGE_BYTES);
            boolean whole = first == 0 && limit == Block.PAGES;
            block.setHuge(whole && (categories & PagemapScan.HUGE) != 0);
            moveAll(block, first, limit, Claim.UNSEEN, claim);
            block.warm();
        }
    }

    private Block block(long address) {
        Block known = capture.table.find(address);
        return known != null
                ? known
                : found.computeIfAbsent(Block.startOf(address), this::newBlock);
    }

    /** Makes known to all what was found since the last time. */
    void publish() {
        capture.table.add(found.values());
        found.clear();
    }

    /** The blocks that touch a range, by address, those that are not in the table yet as well. */
    private List<Block> within(AddressRange range) {
        List<Block> known = capture.table.within(range.start(), range.end());
        Collection<Block> more =
                found.subMap(Block.startOf(range.start()), true, range.end(), false).values();
        if (more.isEmpty()) {
            return known;
        }
        List<Block> all = new ArrayList<>(known);
        all.addAll(more);
        all.sort(Comparator.comparingLong(block -> block.start));
        return all;
    }

    private Block newBlock(long start) {
        Block block = new Block(start);
        for (TrackedMapping t :
                tracked.headMap(start + Block.BYTES, false).descendingMap().values()) {
            if (t.range().end() <= start) {
                break;
            }
            block.add(t.piece(block));
        }
        return block;
    }

    /** Runs of the file that hold data, as addresses of the mapping. */
    private static void eachData(
            TrackedMapping t, long start, long end, PagemapScan.Visitor visitor)
            throws IOException {
        MemoryFile file = java.util.Objects.requireNonNull(t.file());
        long limit = end - t.fileDelta();
        long data = file.nextData(start - t.fileDelta());
        while (data >= 0 && data < limit) {
            long hole = file.nextHole(data);
            long stop =
                    hole < 0
                            ? limit
                            : Math.min(limit, (hole + Block.PAGE_BYTES - 1) & -Block.PAGE_BYTES);
            visitor.visit((data & -Block.PAGE_BYTES) + t.fileDelta(), stop + t.fileDelta(), 0);
            data = file.nextData(stop);
        }
    }

    /** How many pages hold data. */
    static long dataPages(TrackedMapping t) throws IOException {
        PageRuns runs = new PageRuns();
        eachData(t, t.range().start(), t.range().end(), (RangeVisitor) runs::add);
        return runs.pages();
    }

    /** Receives consecutive pages. */
    @FunctionalInterface
    interface RangeVisitor {
        void visit(long start, long end);
    }

    /**
     * Tells which pages of a registered range are protected now, and whether there is something in
     * them.
     */
    void eachProtected(long start, long end, PagemapScan.Visitor visitor) throws IOException {
        target.scan(start, end, PagemapScan.PROTECTED, visitor);
    }

    /**
     * Tells which pages of a registered range of private memory hold something, and are not
     * protected.
     */
    void eachFilled(AddressRange range, RangeVisitor visitor) throws IOException {
        target.scan(
                range.start(),
                range.end(),
                FILLED,
                (start, end, categories) -> visitor.visit(start, end));
    }

    /** Tells what holds data now of a part of a registered range of shared memory. */
    static void eachData(TrackedMapping t, long start, long end, RangeVisitor visitor)
            throws IOException {
        eachData(t, start, end, (from, to, categories) -> visitor.visit(from, to));
    }

    /**
     * Finds what came to be in registered memory outside all blocks, which was empty when it was
     * last looked at.
     */
    void discoverOutside() throws IOException {
        List<AddressRange> outside = new ArrayList<>();
        for (TrackedMapping t : tracked.values()) {
            long from = t.range().start();
            for (Block block : capture.table.within(t.range().start(), t.range().end())) {
                addGap(outside, from, block.start);
                from = Math.max(from, block.start + Block.BYTES);
            }
            addGap(outside, from, t.range().end());
        }
        for (AddressRange range : outside) {
            discover(range, Claim.HOT);
        }
        publish();
    }

    /** Takes the protection away, when every page is accounted for. */
    void giveBack() {
        PieceByPiece.giveBack(tracked.values(), capture.tracker::unregister, capture.clock);
    }

    @Override
    public void close() {
        files.forEach(MemoryFile::close);
    }
}
