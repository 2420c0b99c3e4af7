package dev.stillframe.engine.capture;

import dev.stillframe.engine.instant.Missing;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.memory.RegionKind;
import dev.stillframe.engine.process.Mapping;
import dev.stillframe.engine.process.Target;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * What is done while the target stands at the end of the rounds: T0. Looks at all mappings once
 * more, and copies what was written since the last round, what nobody marks, and what was mapped
 * lately. Nothing in it follows the size of memory but the looking.
 */
final class LastLook {
    private static final long REHEARSED_BYTES = 1 << 16;
    private static final String NEVER_COPIED =
            "marked as unchanged, but it was never copied: this is a fault of ours, please report it";

    private final Target target;
    private final MarkedMemory memory;
    private final Ordinals ordinals;
    private final RoundCopier copier;
    private final OthersMemory others;
    private final List<Missing> missing = new ArrayList<>();

    /** What is accounted for, by the start of its mapping. */
    private final Map<Long, List<AddressRange>> content = new HashMap<>();

    private List<MarkedMemory.Found> found = List.of();
    private long wholeBytes;

    LastLook(
            Target target,
            MarkedMemory memory,
            Ordinals ordinals,
            RoundCopier copier,
            OthersMemory others) {
        this.target = target;
        this.memory = memory;
        this.ordinals = ordinals;
        this.copier = copier;
        this.others = others;
    }

    /** Finds what has to be copied, and marks nothing; how many pages that are. */
    long look() throws IOException {
        memory.look();
        found = memory.lookAtAll(ordinals);
        long pages = 0;
        for (MarkedMemory.Found each : found) {
            pages += (isOthers(each) ? each.content() : each.written()).pages();
        }
        return pages;
    }

    /** Copies what {@link #look} has found; the target has stood since. */
    void take() throws IOException {
        for (MarkedMemory.Found each : found) {
            copy(each.mapping(), isOthers(each) ? each.content() : each.written());
        }
        for (Mapping mapping : memory.mappings()) {
            if (memory.treatment(mapping).way() == Treatment.Way.COPY_WHOLE) {
                copyWhole(mapping);
            }
        }
        copier.endRound();
    }

    /**
     * Does all of it but copying what was found, while the target runs; what is copied whole has to
     * have ordinals that the sink knows, and is copied again at the end.
     *
     * @return pages that would have to be copied
     */
    long rehearse() throws IOException {
        long pages = look();
        for (Mapping mapping : memory.mappings()) {
            if (isRehearsed(memory, mapping) && ordinals.isCovered(mapping.range())) {
                copyWhole(mapping);
            }
        }
        copier.endRound();
        return pages;
    }

    /** Whether it is copied in every round. */
    static boolean isRehearsed(MarkedMemory memory, Mapping mapping) {
        return mapping.range().sizeBytes() <= REHEARSED_BYTES
                && memory.treatment(mapping).way() == Treatment.Way.COPY_WHOLE;
    }

    /** Small memory that somebody has open is copied as it is now, whoever wrote it. */
    private boolean isOthers(MarkedMemory.Found each) {
        return each.mapping().file() != null && others.isSmall(each.mapping().range());
    }

    private void copy(TrackedMapping mapping, PageRuns runs) throws IOException {
        for (int run = 0; run < runs.count(); run++) {
            ordinals.cover(runs.start(run), runs.end(run));
        }
        copier.copy(mapping, runs);
    }

    private void copyWhole(Mapping mapping) throws IOException {
        wholeBytes += mapping.range().sizeBytes();
        if (wholeBytes > Freeze.CHANGED_LIMIT_BYTES) {
            missing.add(new Missing(mapping.range(), Freeze.TOO_LARGE));
            return;
        }
        RegionKind kind = memory.treatment(mapping).kind();
        boolean isFile = kind == RegionKind.SHARED_FILE || kind == RegionKind.SHARED;
        PageRuns all = new PageRuns();
        all.add(mapping.range().start(), mapping.range().end());
        TrackedMapping whole =
                new TrackedMapping(
                        mapping.range(),
                        kind,
                        isFile ? target.open(mapping) : null,
                        mapping.range().start() - mapping.offset(),
                        "");
        try {
            copy(whole, all);
        } finally {
            if (whole.file() != null) {
                whole.file().close();
            }
        }
        content.put(mapping.range().start(), stored(mapping.range()));
    }

    /** What of it was copied; the rest is missing. */
    private List<AddressRange> stored(AddressRange range) {
        List<AddressRange> stored = new ArrayList<>();
        long at = ordinals.firstStored(range.start(), range.end());
        addMissing(range.start(), at, Freeze.UNREADABLE);
        while (at < range.end()) {
            long end = ordinals.firstNotStored(at, range.end());
            stored.add(new AddressRange(at, end));
            at = ordinals.firstStored(end, range.end());
            addMissing(end, at, Freeze.UNREADABLE);
        }
        return stored;
    }

    private void addMissing(long start, long end, String reason) {
        if (start < end) {
            missing.add(new Missing(new AddressRange(start, end), reason));
        }
    }

    /** When the target runs again: what the image accounts for, and what is missing of it. */
    void settle(boolean isSolid) {
        Map<Long, MarkedMemory.Found> byStart = new HashMap<>();
        found.forEach(each -> byStart.put(each.mapping().range().start(), each));
        for (Mapping mapping : memory.mappings()) {
            MarkedMemory.Found here = byStart.get(mapping.range().start());
            if (here != null) {
                boolean isFile = here.mapping().kind().isFile();
                content.put(
                        mapping.range().start(),
                        isSolid && !isFile
                                ? List.of(mapping.range())
                                : isFile
                                        ? exact(here.content())
                                        : blocks(mapping.range(), here.content()));
            }
        }
    }

    private static List<AddressRange> exact(PageRuns runs) {
        List<AddressRange> ranges = new ArrayList<>();
        for (int run = 0; run < runs.count(); run++) {
            append(ranges, runs.start(run), runs.end(run));
        }
        return ranges;
    }

    /** All blocks with something in them; what is empty there is said to be zero. */
    static List<AddressRange> blocks(AddressRange mapping, PageRuns runs) {
        List<AddressRange> ranges = new ArrayList<>();
        for (int run = 0; run < runs.count(); run++) {
            long start = Math.max(Block.startOf(runs.start(run)), mapping.start());
            long end = Math.min(Block.startOf(runs.end(run) - 1) + Block.BYTES, mapping.end());
            append(ranges, start, end);
        }
        return ranges;
    }

    private static void append(List<AddressRange> ranges, long start, long end) {
        AddressRange last = ranges.isEmpty() ? null : ranges.getLast();
        if (last != null && last.end() >= start) {
            ranges.set(
                    ranges.size() - 1, new AddressRange(last.start(), Math.max(last.end(), end)));
        } else {
            ranges.add(new AddressRange(start, end));
        }
    }

    /** What there was in each mapping. */
    List<MarkedMemory.Found> found() {
        return found;
    }

    /** What of a mapping is accounted for. */
    List<AddressRange> content(Mapping mapping) {
        return content.getOrDefault(mapping.range().start(), List.of());
    }

    /** What could not be captured. */
    List<Missing> missing() {
        return missing;
    }

    /** Told of pages that hold nothing, and of those that were lost. */
    interface Settling {
        void empty(long start, long end) throws IOException;

        void lost(long start, long end) throws IOException;
    }

    /** Tells what the pages are, of those accounted for, that the sink does not have. */
    void account(Settling settling) throws IOException {
        for (MarkedMemory.Found each : found) {
            for (AddressRange range :
                    content.getOrDefault(each.mapping().range().start(), List.of())) {
                long at = range.start();
                PageRuns runs = each.content();
                for (int run = firstBehind(runs, at); run < runs.count(); run++) {
                    long start = Math.max(at, runs.start(run));
                    long end = Math.min(range.end(), runs.end(run));
                    if (start >= range.end()) {
                        break;
                    }
                    empty(settling, at, start);
                    lost(settling, start, end);
                    at = end;
                }
                empty(settling, at, range.end());
            }
        }
    }

    private static int firstBehind(PageRuns runs, long address) {
        int low = 0;
        int behind = runs.count();
        while (low < behind) {
            int middle = (low + behind) >>> 1;
            if (runs.end(middle) > address) {
                behind = middle;
            } else {
                low = middle + 1;
            }
        }
        return low;
    }

    private static void empty(Settling settling, long start, long end) throws IOException {
        if (start < end) {
            settling.empty(start, end);
        }
    }

    private void lost(Settling settling, long start, long end) throws IOException {
        for (long at = ordinals.firstNotStored(start, end); at < end; ) {
            long stop = ordinals.firstStored(at, end);
            settling.lost(at, stop);
            addMissing(at, stop, NEVER_COPIED);
            at = ordinals.firstNotStored(stop, end);
        }
    }
}
