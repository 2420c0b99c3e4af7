package dev.stillframe.engine.capture;

import dev.stillframe.engine.linux.PagemapScan;
import dev.stillframe.engine.memory.AddressRange;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.ConcurrentSkipListSet;

/**
 * Puts memory under protection while the target runs, in passes: the first protects everything,
 * each next one what was written during the one before. Its steps run on the arming worker.
 */
final class Arming {
    /** How much is protected between two looks at the faults. */
    private static final int BLOCKS_PER_STEP = 8;

    private static final int HOT_PAGES_PER_STEP = 64;

    private final Capture capture;
    private final Registration registration;

    /**
     * Pages that are never protected: the kernel may write to them where a fault is not possible.
     */
    private final ConcurrentSkipListSet<Long> exempt = new ConcurrentSkipListSet<>();

    Arming(Capture capture, Registration registration) {
        this.capture = capture;
        this.registration = registration;
    }

    /** Keeps the pages of a range unprotected from now on. Called by any thread. */
    void exempt(long start, long end) {
        for (long page = start & -Block.PAGE_BYTES; page < end; page += Block.PAGE_BYTES) {
            exempt.add(page);
        }
    }

    /**
     * The exempt pages in which there may be something, by address; of a huge page that is not
     * split all of it.
     */
    List<Run> exemptRuns() {
        List<Run> runs = new ArrayList<>();
        for (long address : exempt) {
            Block block = capture.table.find(address);
            if (block == null) {
                continue;
            }
            int first = block.isHuge() ? 0 : Block.pageOf(address);
            int end = block.isHuge() ? Block.PAGES : first + 1;
            if (!runs.isEmpty()
                    && runs.getLast().block() == block
                    && runs.getLast().end() >= first) {
                Run last = runs.removeLast();
                first = last.first();
                end = Math.max(end, last.end());
            }
            runs.add(new Run(block, first, end));
        }
        return runs;
    }

    /** Protects every block. */
    Work first() {
        List<Block> blocks = capture.table.blocks();
        Iterator<Block> next = blocks.iterator();
        return worker -> {
            List<Block> some = new ArrayList<>(BLOCKS_PER_STEP);
            while (next.hasNext() && some.size() < BLOCKS_PER_STEP) {
                some.add(next.next());
            }
            capture.probe.at("arm: protect");
            protect(worker, some);
            return next.hasNext();
        };
    }

    /** Protects again what was written; also what came to be in memory that was empty. */
    Work again() throws IOException {
        registration.discoverOutside();
        List<Run> hot = hotRuns();
        Iterator<Run> next = hot.iterator();
        return worker -> {
            capture.probe.at("arm: protect again");
            for (int pages = 0; next.hasNext() && pages < HOT_PAGES_PER_STEP; ) {
                Run run = next.next();
                pages += protectHot(worker, run);
            }
            return next.hasNext();
        };
    }

    /** Runs of hot pages, by address. */
    List<Run> hotRuns() {
        List<Run> runs = new ArrayList<>();
        for (Block block : capture.table.blocks()) {
            int page = block.isWarm() ? 0 : Block.PAGES;
            while (page < Block.PAGES) {
                if (block.claim(page) != Claim.HOT) {
                    page++;
                    continue;
                }
                int end = page;
                while (end < Block.PAGES && block.claim(end) == Claim.HOT) {
                    end++;
                }
                runs.add(new Run(block, page, end));
                page = end;
            }
        }
        return runs;
    }

    int hotPages() {
        return hotRuns().stream().mapToInt(Run::count).sum();
    }

    private void protect(Worker worker, List<Block> blocks) throws IOException {
        List<Block> seized = blocks.stream().filter(Block::seize).toList();
        try {
            protectSeized(worker, blocks);
        } finally {
            seized.forEach(block -> block.letGo(true));
        }
    }

    private void protectSeized(Worker worker, List<Block> blocks) throws IOException {
        blocks.forEach(Block::cool);
        for (Part whole : parts(blocks)) {
            splitHuge(whole.range());
            for (AddressRange range : withoutExempt(whole.range())) {
                move(range, Claim.UNSEEN, Claim.ARMING_HOLE);
                worker.protection().protect(range.start(), range.sizeBytes());
                look(whole.mapping(), range);
            }
        }
        blocks.forEach(Arming::leaveUnseenHot);
    }

    /**
     * What is seen protected becomes so; what is not, whatever the reason, is left for the freeze.
     */
    private void look(TrackedMapping mapping, AddressRange range) throws IOException {
        registration.eachProtected(
                range.start(),
                range.end(),
                (start, end, categories) -> {
                    AddressRange seen = new AddressRange(start, end);
                    move(seen, Claim.ARMING, Claim.CLEAN);
                    if (mapping.file() == null && holdsContent(categories)) {
                        move(seen, Claim.ARMING_HOLE, Claim.CLEAN); // written since the first look
                    }
                    move(seen, Claim.ARMING_HOLE, Claim.HOLE);
                });
        if (mapping.file() != null) {
            lookIntoFile(mapping, range);
        }
        move(range, Claim.ARMING_HOLE, Claim.UNSEEN);
        capture.table.within(range.start(), range.end()).stream()
                .filter(block -> block.count(Claim.HOLE) > 0)
                .forEach(Block::hollow);
    }

    /**
     * In the freeze: a hole that has been filled without a word is none. MADV_GUARD_INSTALL takes
     * the mark of an empty page away, and after MADV_GUARD_REMOVE nothing tells of the first write.
     * Later would be too late: the target could discard the page, and whatever was a hole then
     * counts as zeros.
     */
    void lookIntoHoles() throws IOException {
        for (Part part : parts(capture.table.blocks().stream().filter(Block::isHollow).toList())) {
            if (part.mapping().file() == null) {
                registration.eachFilled(
                        part.range(),
                        (start, end) -> move(new AddressRange(start, end), Claim.HOLE, Claim.HOT));
            }
        }
    }

    private static boolean holdsContent(long categories) {
        return (categories & PagemapScan.PRESENT) != 0 && (categories & PagemapScan.PFNZERO) == 0;
    }

    /**
     * Holes of shared memory whose file has data there now become clean: they were written between
     * the first look and the protection, or through another mapping. The file is asked only about
     * what was a hole: it goes through content page by page.
     */
    void lookIntoFile(TrackedMapping mapping, AddressRange range) throws IOException {
        for (Block block : capture.table.within(range.start(), range.end())) {
            int page = block.firstPage(range);
            int end = block.endPage(range);
            while (page < end) {
                int after = block.runEnd(page, end, Claim.HOLE);
                if (after > page) {
                    Registration.eachData(
                            mapping,
                            block.address(page),
                            block.address(after),
                            (start, stop) ->
                                    move(new AddressRange(start, stop), Claim.HOLE, Claim.CLEAN));
                }
                page = after + 1;
            }
        }
    }

    private void move(AddressRange range, byte from, byte to) {
        for (Block block : capture.table.within(range.start(), range.end())) {
            for (int page = block.firstPage(range); page < block.endPage(range); page++) {
                if (block.move(page, from, to) && to == Claim.HOT) {
                    block.warm();
                }
            }
        }
    }

    /** A part of a registered mapping. */
    private record Part(TrackedMapping mapping, AddressRange range) {}

    /**
     * The pieces of the blocks, neighbours of one mapping joined, so that one call protects them.
     */
    private static List<Part> parts(List<Block> blocks) {
        List<Part> parts = new ArrayList<>();
        for (Block block : blocks) {
            for (Piece piece : block.pieces()) {
                long start = block.address(piece.firstPage());
                if (!parts.isEmpty()
                        && parts.getLast().mapping().equals(piece.mapping())
                        && parts.getLast().range().end() == start) {
                    start = parts.removeLast().range().start();
                }
                parts.add(
                        new Part(
                                piece.mapping(),
                                new AddressRange(start, block.address(piece.endPage()))));
            }
        }
        return parts;
    }

    /** Populated pages that were left out, or are not seen protected, are as good as written. */
    private static void leaveUnseenHot(Block block) {
        for (int page = 0; page < Block.PAGES; page++) {
            if (block.move(page, Claim.ARMING, Claim.HOT) || block.claim(page) == Claim.UNSEEN) {
                block.warm();
            }
        }
    }

    /**
     * Where a page is left out, the kernel protects and splits; the freeze need not copy all of it
     * for the sake of that page.
     */
    private void splitHuge(AddressRange range) {
        for (long page : exempt.subSet(range.start(), range.end())) {
            Block block = capture.table.find(page);
            if (block != null && !block.isHugetlb()) {
                block.setHuge(false);
            }
        }
    }

    private List<AddressRange> withoutExempt(AddressRange range) {
        List<AddressRange> parts = new ArrayList<>();
        long from = range.start();
        for (long page : exempt.subSet(range.start(), range.end())) {
            if (page > from) {
                parts.add(new AddressRange(from, page));
            }
            from = page + Block.PAGE_BYTES;
        }
        if (from < range.end()) {
            parts.add(new AddressRange(from, range.end()));
        }
        return parts;
    }

    /**
     * Protects the hot pages of a run again, but for the exempt ones; how many pages were looked
     * at.
     */
    int protectHot(Worker worker, Run run) throws IOException {
        boolean seized = run.block().seize();
        try {
            return protectSeized(worker, run);
        } finally {
            run.block().letGo(seized);
        }
    }

    private int protectSeized(Worker worker, Run run) throws IOException {
        Block block = run.block();
        if (block.isHuge()) {
            splitHuge(new AddressRange(block.start, block.start + Block.BYTES));
        }
        boolean whole = block.isHuge() && block.count(Claim.HOT) == Block.PAGES;
        if (!whole && isBeingLifted(block)) {
            return run.count(); // it stays hot until the next time
        }
        AddressRange range =
                whole
                        ? new AddressRange(block.start, block.start + Block.BYTES)
                        : new AddressRange(block.address(run.first()), block.address(run.end()));
        for (AddressRange part : withoutExempt(range)) {
            int page = Block.pageOf(part.start());
            int end = page + (int) (part.sizeBytes() / Block.PAGE_BYTES);
            while (page < end) {
                int after = block.moveRun(page, end, Claim.HOT, Claim.ARMING);
                if (after > page) {
                    protectRun(worker, new Run(block, page, after));
                }
                page = after + 1;
            }
        }
        return run.count();
    }

    /** Its pages are being armed; those that are not seen protected afterwards stay hot. */
    private static void protectRun(Worker worker, Run run) throws IOException {
        worker.protection().protect(run.start(), run.bytes());
        if (worker.sees(run)) {
            run.block().moveRun(run.first(), run.end(), Claim.ARMING, Claim.CLEAN);
            return;
        }
        for (int page = run.first(); page < run.end(); page++) {
            boolean seen = worker.sees(new Run(run.block(), page, page + 1));
            run.block().move(page, Claim.ARMING, seen ? Claim.CLEAN : Claim.HOT);
        }
        run.block().warm();
    }

    /**
     * Pages of a huge page become hot one by one, but a part of it must not be protected by itself.
     */
    private static boolean isBeingLifted(Block block) {
        return block.isHugetlb() || (block.isHuge() && block.count(Claim.LIFTING) > 0);
    }
}
