package dev.stillframe.engine.capture;

import dev.stillframe.engine.instant.Missing;
import dev.stillframe.engine.linux.PagemapScan;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.memory.MemoryFile;
import dev.stillframe.engine.memory.RegionKind;
import dev.stillframe.engine.process.FrozenThread;
import dev.stillframe.engine.process.Mapping;
import dev.stillframe.engine.process.Target;
import dev.stillframe.engine.process.TargetException;
import dev.stillframe.engine.staging.StagingBlock;
import dev.stillframe.engine.time.Deadline;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * What is done between the stop of the last thread and the start of the first: T0. One step of work
 * on the arming worker; everything in it follows what the target wrote lately, not how large it is,
 * but for the walk over its list of mappings.
 */
final class Freeze implements Work {
    /**
     * Changed pages of private file mappings are copied while the target stands: up to this much.
     */
    static final long CHANGED_LIMIT_BYTES = 64L << 20;

    static final String UNREADABLE = "could not be read (beyond the end of its file?)";
    static final String TOO_LARGE =
            "its file has been deleted, and it is too large to be copied while the target stands";

    private static final PagemapScan.Query CHANGED =
            new PagemapScan.Query(
                    0,
                    PagemapScan.FILE | PagemapScan.PFNZERO,
                    PagemapScan.PRESENT | PagemapScan.SWAPPED,
                    PagemapScan.PRESENT);
    private static final int STACK_TOP_PAGES = 2;

    private final Capture capture;
    private final Target target;
    private final Registration registration;
    private final Arming arming;
    private final OthersMemory others;
    private final Map<Long, Set<String>> flags;
    private final List<FrozenThread> threads;
    private final List<Missing> missing = new ArrayList<>();
    private final Map<Mapping, List<AddressRange>> stored = new HashMap<>();
    private List<Mapping> mappings = List.of();
    private long changedBytes;

    Freeze(
            Capture capture,
            Target target,
            Registration registration,
            Arming arming,
            Discovered discovered) {
        this.capture = capture;
        this.target = target;
        this.registration = registration;
        this.arming = arming;
        this.others = discovered.others();
        this.flags = discovered.flags();
        this.threads = discovered.threads();
    }

    /**
     * What is known when the target stands.
     *
     * @param flags VmFlags by mapping start, from before
     * @param threads all threads, stopped
     * @param others what others can write
     */
    record Discovered(
            Map<Long, Set<String>> flags, List<FrozenThread> threads, OthersMemory others) {}

    /** The mappings at T0. */
    List<Mapping> mappings() {
        return mappings;
    }

    /** What could not be captured, known so far. */
    List<Missing> missing() {
        return missing;
    }

    /** Ranges of mappings that are not tracked whose pages were copied in the freeze. */
    Map<Mapping, List<AddressRange>> stored() {
        return stored;
    }

    @Override
    public boolean step(Worker worker) throws IOException {
        capture.probe.at("freeze: begin");
        capture.enter(Capture.Phase.FREEZE);
        try {
            worker.awaitFaultsAnswered();
            freeze(worker);
        } finally {
            capture.enter(Capture.Phase.CAPTURE);
        }
        return false;
    }

    private void freeze(Worker worker) throws IOException {
        mappings = target.mappings();
        others.freeze(registration.tracked());
        lookAgain();
        others.freeze(registration.tracked()); // what was mapped lately
        threads.forEach(this::exempt);
        capture.probe.at("freeze: copy control pages");
        copyExempt(worker);
        capture.probe.at("freeze: copy what cannot be protected");
        for (Mapping mapping : mappings) {
            copyUnprotected(worker, mapping);
        }
        capture.probe.at(
                "freeze: copy hot pages"); // last: what finds no room can still be protected
        copyHot(worker);
    }

    /** Finds what was mapped, unmapped, discarded or first used while arming. */
    private void lookAgain() throws IOException {
        capture.unmapped.ranges().forEach(registration::remove);
        capture.stale.ranges().forEach(this::forgetClaims);
        registration
                .refused()
                .clear(); // what was refused while arming may have gone since, and is tried again
        List<Mapping> unsettled = new ArrayList<>();
        for (Mapping mapping : mappings) {
            if (!registration.isSettled(mapping)) {
                Treatment treatment = treatment(mapping);
                if (treatment.way() == Treatment.Way.PROTECT) {
                    registration.lookAgain(mapping, treatment);
                    unsettled.add(mapping);
                }
            }
        }
        registration.publish();
        unsettled.forEach(mapping -> registration.settle(mapping.range()));
        arming.lookIntoHoles();
        capture.aliases = registration.aliases();
        for (TrackedMapping alias :
                capture.aliases) { // what was a hole there may have been filled from another place
            arming.lookIntoFile(alias, alias.range());
        }
        for (TrackedMapping t : registration.tracked()) {
            if (others.isOpen(t.object())) { // or through a descriptor
                arming.lookIntoFile(t, t.range());
            }
        }
        missing.addAll(registration.refused());
    }

    private void forgetClaims(AddressRange range) {
        for (Block block : capture.table.within(range.start(), range.end())) {
            block.setHuge(block.isHugetlb());
            block.setRun(block.firstPage(range), block.endPage(range), Claim.UNSEEN);
            block.warm();
        }
    }

    private Treatment treatment(Mapping mapping) {
        return Treatment.of(mapping, flags);
    }

    /**
     * The memory of a thread that the kernel writes when the thread exits, where a fault would be
     * dropped: its control block with its thread id, its robust list and the mutexes on it; and the
     * top of its stack, which is about to be used.
     */
    private void exempt(FrozenThread thread) {
        ThreadPages.of(thread, target).forEach(range -> arming.exempt(range.start(), range.end()));
        long top = thread.stackPointer() & -Block.PAGE_BYTES;
        arming.exempt(top - Block.PAGE_BYTES, top + STACK_TOP_PAGES * Block.PAGE_BYTES);
    }

    private void copyExempt(Worker worker) throws IOException {
        for (Run run : arming.exemptRuns()) {
            if (!worker.copier().copyExempt(run)) {
                throw new TargetException(
                        "staging is too small for the control pages of %d threads; give more with --staging"
                                .formatted(threads.size()));
            }
            worker.releaseHoles(run.block(), run.first(), run.end());
        }
    }

    /** Hot pages are copied now as long as it is cheap; the rest is protected. */
    private void copyHot(Worker worker) throws IOException {
        Deadline cheap = Deadline.in(capture.clock, capture.options.pauseBudget());
        boolean copy = capture.options.tuning().preCopyHotPages();
        for (Run run : arming.hotRuns()) {
            copy = copy && !cheap.hasPassed();
            int copied = copy ? worker.copier().copyHot(run) : run.first();
            if (copied < run.end()) {
                Run rest = new Run(run.block(), copied, run.end());
                arming.protectHot(worker, rest);
                copyUnprotectable(worker, rest);
                copy = false;
            }
        }
    }

    /**
     * What is still hot could not be protected, though it should have been: it is copied now, or it
     * is lost.
     */
    private void copyUnprotectable(Worker worker, Run run) throws IOException {
        int copied = run.first();
        while (copied < run.end() && run.block().claim(copied) != Claim.HOT) {
            copied++;
        }
        if (copied < run.end() && worker.copier().copyHot(run) < run.end()) {
            for (int page = copied; page < run.end(); page++) {
                run.block().move(page, Claim.HOT, Claim.LOST);
            }
        }
    }

    private void copyUnprotected(Worker worker, Mapping mapping) throws IOException {
        Treatment treatment = treatment(mapping);
        switch (treatment.way()) {
            case PROTECT, REFERENCE -> {}
            case MISSING, MARK -> missing.add(new Missing(mapping.range(), treatment.reason()));
            case COPY_CHANGED -> copyChanged(worker, mapping);
            case COPY_WHOLE -> copyWhole(worker, mapping, treatment.kind());
        }
    }

    private void copyChanged(Worker worker, Mapping mapping) throws IOException {
        List<AddressRange> changed = new ArrayList<>();
        target.scan(
                mapping.range().start(),
                mapping.range().end(),
                CHANGED,
                (start, end, categories) -> changed.add(new AddressRange(start, end)));
        for (AddressRange range : changed) {
            if (changedBytes + range.sizeBytes() > CHANGED_LIMIT_BYTES) {
                missing.add(
                        new Missing(
                                range,
                                "changed pages of a private file mapping, more than the "
                                        + (CHANGED_LIMIT_BYTES >> 20)
                                        + " MiB that are copied while the target stands"));
            } else {
                changedBytes += range.sizeBytes();
                store(worker, mapping, range, target::read);
            }
        }
    }

    private void copyWhole(Worker worker, Mapping mapping, RegionKind kind) throws IOException {
        if (changedBytes + mapping.range().sizeBytes() > CHANGED_LIMIT_BYTES) {
            missing.add(new Missing(mapping.range(), TOO_LARGE));
            return;
        }
        changedBytes += mapping.range().sizeBytes();
        if (kind == RegionKind.SHARED_FILE || kind == RegionKind.SHARED) {
            try (MemoryFile file = target.open(mapping)) {
                long delta = mapping.range().start() - mapping.offset();
                store(
                        worker,
                        mapping,
                        mapping.range(),
                        (at, length, into) -> file.read(into, length, at - delta));
            }
        } else {
            store(worker, mapping, mapping.range(), target::read);
        }
    }

    private void store(Worker worker, Mapping mapping, AddressRange range, PageReader reader)
            throws IOException {
        for (long at = range.start(); at < range.end(); ) {
            int pages =
                    (int) Math.min(StagingBlock.PAGES / 4, (range.end() - at) / Block.PAGE_BYTES);
            if (!worker.copier()
                    .hasRoom(pages)) { // nothing empties staging before the thaw: to wait would be
                // to wait for ever
                missing.add(
                        new Missing(
                                new AddressRange(at, range.end()),
                                "no staging was left while the target stood; use more"));
                break;
            }
            if (worker.copier().copyFrozen(at, pages, reader)) {
                long end = at + (long) pages * Block.PAGE_BYTES;
                List<AddressRange> ranges = stored.computeIfAbsent(mapping, m -> new ArrayList<>());
                if (!ranges.isEmpty() && ranges.getLast().end() == at) {
                    ranges.add(new AddressRange(ranges.removeLast().start(), end));
                } else {
                    ranges.add(new AddressRange(at, end));
                }
                at = end;
            } else if (pages > 1) {
                at =
                        storeSingly(
                                worker,
                                mapping,
                                new AddressRange(at, at + (long) pages * Block.PAGE_BYTES),
                                reader);
            } else {
                missing.add(new Missing(new AddressRange(at, at + Block.PAGE_BYTES), UNREADABLE));
                at += Block.PAGE_BYTES;
            }
        }
    }

    private long storeSingly(Worker worker, Mapping mapping, AddressRange range, PageReader reader)
            throws IOException {
        for (long at = range.start(); at < range.end(); at += Block.PAGE_BYTES) {
            store(worker, mapping, new AddressRange(at, at + Block.PAGE_BYTES), reader);
        }
        return range.end();
    }
}
