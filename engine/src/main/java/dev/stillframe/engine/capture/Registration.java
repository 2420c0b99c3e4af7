package dev.stillframe.engine.capture;

import dev.stillframe.engine.memory.MemoryFile;
import dev.stillframe.engine.linux.Errno;
import dev.stillframe.engine.linux.ErrnoException;
import dev.stillframe.engine.linux.PagemapScan;
import dev.stillframe.engine.linux.PagemapScan.Query;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.memory.RegionKind;
import dev.stillframe.engine.page.Missing;
import dev.stillframe.engine.target.Mapping;
import dev.stillframe.engine.target.Target;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Which mappings are registered, and which of their pages are populated: registered ranges become blocks, wherever there is
 * something in them. Owned by the thread that arms.
 */
final class Registration implements AutoCloseable {
    private static final Query POPULATED =
            new Query(0, PagemapScan.PFNZERO, PagemapScan.PRESENT | PagemapScan.SWAPPED, PagemapScan.HUGE);
    private static final Query PRESENT = new Query(PagemapScan.PRESENT, PagemapScan.PFNZERO, 0, PagemapScan.PRESENT);

    private final Target target;
    private final Capture capture;
    private final TreeMap<Long, TrackedMapping> tracked = new TreeMap<>();
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
                        .collect(Collectors.groupingBy(TrackedMapping::object, Collectors.counting()));
        return tracked.values().stream().filter(t -> mapped.getOrDefault(t.object(), 0L) > 1).toList();
    }

    /** Registers the parts of a mapping that are not registered yet and finds what is populated there. */
    List<AddressRange> add(Mapping mapping, Treatment treatment) throws IOException {
        List<AddressRange> added = new ArrayList<>();
        for (AddressRange range : uncovered(mapping.range())) {
            try {
                capture.tracker.register(range);
            } catch (ErrnoException e) {
                if (e.is(Errno.ESRCH)) {
                    throw e;
                }
                refused.add(new Missing(range, reason(e)));
                continue;
            }
            @Nullable MemoryFile file = treatment.kind() == RegionKind.SHARED ? openFile(mapping) : null;
            TrackedMapping t =
                    new TrackedMapping(
                            range,
                            treatment.kind(),
                            file,
                            mapping.range().start() - mapping.offset(),
                            file == null ? "" : mapping.device() + ":" + mapping.inode());
            tracked.put(range.start(), t);
            capture.table.within(range.start(), range.end()).forEach(block -> block.add(t.piece(block)));
            added.add(range);
        }
        return added;
    }

    private static String reason(ErrnoException e) {
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
        List<TrackedMapping> touched =
                tracked.values().stream().filter(t -> t.range().overlaps(range)).toList();
        for (TrackedMapping t : touched) {
            tracked.remove(t.range().start());
            keep(t, t.range().start(), range.start());
            keep(t, range.end(), t.range().end());
        }
        for (Block block : capture.table.within(range.start(), range.end())) {
            int first = range.start() <= block.start ? 0 : Block.pageOf(range.start());
            int end = range.end() >= block.start + Block.BYTES ? Block.PAGES : Block.pageOf(range.end());
            block.setRun(first, end, Claim.EMPTY);
            block.remove(first, end);
            block.setHuge(false);
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
        Long below = tracked.floorKey(wanted.start());
        for (TrackedMapping t :
                tracked.subMap(below == null ? wanted.start() : below, true, wanted.end(), false).values()) {
            if (t.range().start() > from) {
                gaps.add(new AddressRange(from, t.range().start()));
            }
            from = Math.max(from, t.range().end());
        }
        if (from < wanted.end()) {
            gaps.add(new AddressRange(from, wanted.end()));
        }
        return gaps;
    }

    /**
     * Finds populated pages of registered memory in {@code range} and puts their blocks, whole, under care.
     *
     * @param claim what populated pages become that are not claimed yet
     * @return pages found
     */
    long discover(AddressRange range, byte claim) throws IOException {
        long found = 0;
        Map<Long, Block> created = new HashMap<>();
        Long below = tracked.floorKey(range.start());
        for (TrackedMapping t :
                tracked.subMap(below == null ? range.start() : below, true, range.end(), false).values()) {
            if (t.range().overlaps(range)) {
                long start = Math.max(range.start(), t.range().start());
                long end = Math.min(range.end(), t.range().end());
                found += discover(t, start, end, claim, created);
            }
        }
        capture.table.add(created.values());
        return found;
    }

    private long discover(TrackedMapping t, long start, long end, byte claim, Map<Long, Block> created)
            throws IOException {
        long[] found = new long[1];
        PagemapScan.Visitor mark =
                (from, to, categories) -> {
                    for (long at = from; at < to; at = Block.startOf(at) + Block.BYTES) {
                        Block block = block(at, created);
                        int first = Block.pageOf(at);
                        int limit = (int) Math.min(Block.PAGES, first + (to - at) / Block.PAGE_BYTES);
                        boolean whole = first == 0 && limit == Block.PAGES;
                        block.setHuge(whole && (categories & PagemapScan.HUGE) != 0);
                        for (int page = first; page < limit; page++) {
                            found[0] += block.move(page, Claim.EMPTY, claim) ? 1 : 0;
                        }
                        block.warm();
                    }
                };
        if (t.file() == null) {
            target.scan(start, end, POPULATED, mark);
        } else {
            eachData(t, start, end, mark);
        }
        return found[0];
    }

    private Block block(long address, Map<Long, Block> created) {
        Block known = capture.table.find(address);
        return known != null ? known : created.computeIfAbsent(Block.startOf(address), this::newBlock);
    }

    private Block newBlock(long start) {
        Block block = new Block(start);
        for (TrackedMapping t : tracked.headMap(start + Block.BYTES, false).descendingMap().values()) {
            if (t.range().end() <= start) {
                break;
            }
            block.add(t.piece(block));
        }
        return block;
    }

    /** Runs of the file that hold data, as addresses of the mapping. */
    private static void eachData(TrackedMapping t, long start, long end, PagemapScan.Visitor visitor)
            throws IOException {
        MemoryFile file = java.util.Objects.requireNonNull(t.file());
        long limit = end - t.fileDelta();
        long data = file.nextData(start - t.fileDelta());
        while (data >= 0 && data < limit) {
            long hole = file.nextHole(data);
            long stop = hole < 0 ? limit : Math.min(limit, (hole + Block.PAGE_BYTES - 1) & -Block.PAGE_BYTES);
            visitor.visit((data & -Block.PAGE_BYTES) + t.fileDelta(), stop + t.fileDelta(), 0);
            data = file.nextData(stop);
        }
    }

    /** Receives consecutive pages. */
    @FunctionalInterface
    interface RangeVisitor {
        void visit(long start, long end);
    }

    /** Tells what is populated now of a part of a registered range. */
    void populated(TrackedMapping t, long start, long end, RangeVisitor visitor) throws IOException {
        if (t.file() == null) {
            target.scan(start, end, PRESENT, (from, to, categories) -> visitor.visit(from, to));
        } else {
            eachData(t, start, end, (from, to, categories) -> visitor.visit(from, to));
        }
    }

    /** Registered memory outside all blocks: it was empty when it was last looked at. */
    List<AddressRange> emptyRanges() {
        List<AddressRange> empty = new ArrayList<>();
        for (TrackedMapping t : tracked.values()) {
            long from = t.range().start();
            for (Block block : capture.table.within(t.range().start(), t.range().end())) {
                if (block.start > from) {
                    empty.add(new AddressRange(from, block.start));
                }
                from = Math.max(from, block.start + Block.BYTES);
            }
            if (from < t.range().end()) {
                empty.add(new AddressRange(from, t.range().end()));
            }
        }
        return empty;
    }

    @Override
    public void close() {
        files.forEach(MemoryFile::close);
    }
}
