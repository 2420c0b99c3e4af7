package dev.stillframe.engine.capture;

import dev.stillframe.engine.linux.Errno;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.memory.MemoryFile;
import dev.stillframe.engine.process.ProtectionView;
import dev.stillframe.engine.process.TargetException;
import dev.stillframe.engine.staging.StagingBlock;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Copies pages from the target into staging, and releases them then and not before. Owned by one
 * worker; allocates nothing where memory is mapped once. The only thing that it can wait for is
 * free staging.
 */
final class Copier {
    private final Capture capture;
    private final Protection protection;
    private final ProtectionView view;
    private final Runnable awaitEventsLogged;
    private final Runnable awaitReleased;
    private long lastCopyNanos;
    private @Nullable StagingBlock block;

    /**
     * {@code awaitEventsLogged} returns when every discard that any worker had read before the call
     * is in the log, {@code awaitReleased} when no other worker is still releasing what it had
     * begun to release before the call.
     */
    Copier(
            Capture capture,
            Protection protection,
            ProtectionView view,
            Runnable awaitEventsLogged,
            Runnable awaitReleased) {
        this.capture = capture;
        this.protection = protection;
        this.view = view;
        this.awaitEventsLogged = awaitEventsLogged;
        this.awaitReleased = awaitReleased;
    }

    /**
     * The {@linkplain Capture#clock clock's} time of its last copy; read after the worker's end.
     */
    long lastCopyNanos() {
        return lastCopyNanos;
    }

    /** Copies and releases the pages from {@code first} to {@code end} that nobody has claimed. */
    void copyClean(Block at, int first, int end) throws IOException {
        boolean seized = at.seize();
        try {
            copySeized(at, first, end);
        } finally {
            at.letGo(seized);
        }
    }

    private void copySeized(Block at, int first, int end) throws IOException {
        int page = first;
        while (page < end) {
            if (at.claim(page) != Claim.CLEAN) {
                page++;
                continue;
            }
            int limit = Math.min(end, limit(at, page));
            long mark = capture.discards.mark();
            int after = at.moveRun(page, limit, Claim.CLEAN, Claim.COPYING);
            if (after > page) {
                copyClaimed(at, page, after, mark);
            }
            page = Math.max(after, page + 1);
        }
    }

    /**
     * The end of the run from {@code page} on that is staged in one: of one mapping, and with its
     * aliases in one block.
     */
    private int limit(Block at, int page) {
        Piece piece = at.piece(page);
        if (piece.mapping().file() == null) {
            return piece.endPage();
        }
        return Math.min(
                piece.endPage(),
                page + Math.max(1, StagingBlock.PAGES / (capture.aliases.size() + 1)));
    }

    /**
     * Copies and releases pages of one piece that this worker has claimed after it took the mark.
     */
    private void copyClaimed(Block at, int first, int end, long mark) throws IOException {
        Run run = new Run(at, first, end);
        if (isMappedTwice(at, first)) {
            copyWithAliases(run, mark);
            return;
        }
        room(Math.min(StagingBlock.PAGES, run.count() + 1)); // one to read again
        copyRun(run, Claim.DONE);
        protection.release(run.start(), run.bytes());
        awaitEventsLogged.run();
        if (wasTold(run, mark)) {
            dropDiscarded(List.of(run), mark);
        }
    }

    private void copyWithAliases(Run claimed, long mark) throws IOException {
        List<Run> runs = withAliases(claimed);
        room(Math.min(StagingBlock.PAGES, runs.stream().mapToInt(Run::count).sum() + 1));
        for (Run run : runs) {
            copyRun(run, Claim.COPIED);
        }
        awaitAliases(claimed);
        runs.forEach(Copier::becomesDone);
        for (Run run : runs) {
            protection.release(run.start(), run.bytes());
        }
        awaitEventsLogged.run();
        for (Run run : runs) {
            if (wasTold(run, mark)) {
                dropDiscarded(runs, mark);
                return;
            }
        }
    }

    /** Whether something that became of it since the mark has been told. */
    private boolean wasTold(Run run, long mark) {
        long end = run.start() + run.bytes();
        return capture.discards.since(mark, run.start(), end)
                || capture.givenUp.touches(run.start(), end);
    }

    private boolean isMappedTwice(Block at, int page) {
        return !capture.aliases.isEmpty() && at.piece(page).mapping().file() != null;
    }

    private static void becomesDone(Run run) {
        for (int page = run.first(); page < run.end(); page++) {
            run.block().move(page, Claim.COPIED, Claim.DONE);
        }
    }

    /**
     * Makes its pages {@code copied}, or lost where they are not there any more as they were at T0.
     */
    private void copyRun(Run run, byte copied) throws IOException {
        if (copyProtected(run, run.start())) {
            run.set(copied == Claim.DONE ? doneOrZero(run) : copied);
            return;
        }
        for (int page = run.first(); page < run.end(); page++) {
            Run one = new Run(run.block(), page, page + 1);
            boolean isThere = copyProtected(one, one.start());
            run.block().set(page, isThere ? copied : Claim.LOST);
        }
    }

    /**
     * Copies what was written neither since T0 nor while it was copied, from where it is now: it is
     * protected still. What the kernel takes away without a word, or maps something else over, is
     * not.
     */
    private boolean copyProtected(Run run, long from) throws IOException {
        if (!copy(run.block(), run.first(), run.end(), from)) {
            return false;
        }
        if (view.isWhole(from, run.bytes()) && !hasBeenEmptied(run) && !mayBeTorn(run)) {
            return true;
        }
        staged().drop(run.count());
        return false;
    }

    /** A hole in shared memory, made by a discard or through a descriptor, reads as zeros. */
    private boolean hasBeenEmptied(Run run) throws IOException {
        TrackedMapping mapping = run.block().piece(run.first()).mapping();
        MemoryFile file = mapping.file();
        StagingBlock into = staged();
        for (int page = 0; file != null && page < run.count(); page++) {
            long offset = run.start() - mapping.fileDelta() + (long) page * Block.PAGE_BYTES;
            if (into.isZero(into.used() - run.count() + page) && file.nextData(offset) != offset) {
                return true;
            }
        }
        return false;
    }

    /**
     * What was told to be given up may be taken out of shared memory while it is copied: half of
     * the copy is of T0 then, and half is zeros. Nobody can write before the release, so whatever
     * reads the same twice is whole.
     */
    private boolean mayBeTorn(Run run) throws IOException {
        TrackedMapping mapping = run.block().piece(run.first()).mapping();
        MemoryFile file = mapping.file();
        if (file == null) {
            return false;
        }
        awaitEventsLogged.run(); // nothing is taken out before that was read
        if (!capture.givenUp.touches(run.start(), run.start() + run.bytes())) {
            return false;
        }
        StagingBlock into = staged();
        if (run.count() > 1 || into.room() == 0) {
            return true;
        }
        boolean isRead =
                file.read(into.nextAddress(), run.bytes(), run.start() - mapping.fileDelta())
                        == run.bytes();
        return !isRead || !into.isSame(into.used() - 1, into.used());
    }

    /** What holds only zeros needs neither staging nor the drain. */
    private byte doneOrZero(Run run) {
        StagingBlock into = staged();
        if (!into.endsInZeros(run.count())) {
            return Claim.DONE;
        }
        into.drop(run.count());
        capture.zeroPages.add(run.count());
        return Claim.ZERO;
    }

    /**
     * Copies and releases a page that this worker has claimed, from where it was moved to; false if
     * it is not there any more.
     */
    boolean copyMoved(Block at, int page, Capture.Move move) throws IOException {
        long now = at.address(page) - move.from().start() + move.target();
        if (!copyProtected(new Run(at, page, page + 1), now)) {
            return false;
        }
        protection.releaseMoved(now, Block.PAGE_BYTES);
        awaitReleased.run();
        awaitEventsLogged.run();
        if (capture.discards.since(move.mark(), now, now + Block.PAGE_BYTES)) {
            staged().drop(1);
            return false;
        }
        return true;
    }

    /**
     * Of what was copied last, takes back what was discarded meanwhile, page by page: the copy may
     * have come too late.
     */
    private void dropDiscarded(List<Run> runs, long mark) throws IOException {
        StagingBlock into = staged();
        int copied = 0;
        for (Run run : runs) {
            for (int page = run.first(); page < run.end(); page++) {
                copied += run.block().claim(page) == Claim.DONE ? 1 : 0;
            }
        }
        into.drop(copied);
        int from = into.used();
        for (Run run : runs) {
            for (int page = run.first(); page < run.end(); page++) {
                byte claim = run.block().claim(page);
                if (claim != Claim.DONE && claim != Claim.ZERO) {
                    continue;
                }
                boolean isZero = claim == Claim.ZERO || into.isZero(from);
                boolean lost = isDiscarded(run.block(), page, mark, isZero);
                if (claim == Claim.DONE) {
                    if (!lost) {
                        into.keep(from, run.block().address(page));
                    }
                    from++;
                } else if (lost) {
                    capture.zeroPages.decrement();
                }
                if (lost) {
                    run.block().set(page, Claim.LOST);
                }
            }
        }
    }

    private boolean isDiscarded(Block block, int page, long mark, boolean isZero)
            throws IOException {
        long address = block.address(page);
        long end = address + Block.PAGE_BYTES;
        return (isZero && capture.givenUp.touches(address, end))
                || (capture.discards.since(mark, address, end) && !stillThere(block, page));
    }

    /**
     * The run, and the same memory where it is mapped elsewhere in the target: released together or
     * not at all.
     */
    private List<Run> withAliases(Run run) {
        List<Run> runs = new ArrayList<>();
        runs.add(run);
        for (AddressRange range :
                capture.elsewhere(run.block().piece(run.first()).mapping(), run.range())) {
            for (Block block : capture.table.within(range.start(), range.end())) {
                int end = Block.PAGES;
                for (int page = 0; page < end; page++) {
                    if (range.contains(block.address(page)) && claimAlias(block, page)) {
                        runs.add(new Run(block, page, page + 1));
                    }
                }
            }
        }
        return runs;
    }

    /**
     * Whether it is ours to copy. In a freeze another worker may be protecting it just now, and we
     * wait until it has.
     */
    private boolean claimAlias(Block block, int page) {
        while (!block.move(page, Claim.CLEAN, Claim.COPYING)
                && !block.move(page, Claim.HOT, Claim.COPYING)) {
            byte claim = block.claim(page);
            boolean becomesFree =
                    claim == Claim.ARMING
                            || claim == Claim.LIFTING
                            || claim == Claim.CLEAN
                            || claim == Claim.HOT;
            if (!becomesFree || capture.isStopped()) {
                return false;
            }
            Waiting.giveWay();
        }
        return true;
    }

    /**
     * Our pages are copied by now; another worker may still be at their aliases, and waits for ours
     * likewise.
     */
    private void awaitAliases(Run run) {
        for (AddressRange range :
                capture.elsewhere(run.block().piece(run.first()).mapping(), run.range())) {
            for (Block block : capture.table.within(range.start(), range.end())) {
                for (int page = 0; page < Block.PAGES; page++) {
                    while (range.contains(block.address(page))
                            && block.claim(page) == Claim.COPYING
                            && !capture.isStopped()) {
                        Waiting.giveWay();
                    }
                }
            }
        }
    }

    /**
     * Into staging, whole or not at all. Waits for room as long as it takes; the drain gives up
     * when the sink does.
     */
    boolean copy(Block at, int first, int end, long from) throws IOException {
        int count = end - first;
        long bytes = (long) count * Block.PAGE_BYTES;
        StagingBlock into = room(count);
        TrackedMapping mapping = at.piece(first).mapping();
        MemoryFile file = mapping.file();
        long copied =
                file == null
                        ? capture.reader.read(from, bytes, into.nextAddress())
                        : file.read(
                                into.nextAddress(), bytes, at.address(first) - mapping.fileDelta());
        if (copied == -Errno.ESRCH.number()) {
            throw new TargetException("the target has ended");
        }
        if (copied != bytes) {
            return false;
        }
        into.add(at.address(first), count);
        lastCopyNanos = capture.clock.monotonicTime();
        return true;
    }

    /**
     * After a discard was told: shared memory has lost its content only where its file has a hole
     * now. The copy came before this look, so content that is still there now was there then.
     */
    private static boolean stillThere(Block block, int page) throws IOException {
        TrackedMapping mapping = block.piece(page).mapping();
        MemoryFile file = mapping.file();
        if (file == null) {
            return false;
        }
        long offset = block.address(page) - mapping.fileDelta();
        long hole = file.nextHole(offset);
        return hole < 0 || hole >= offset + Block.PAGE_BYTES;
    }

    private StagingBlock staged() {
        StagingBlock now = block;
        if (now == null) {
            throw new IllegalStateException("nothing staged");
        }
        return now;
    }

    /** Whether {@code count} pages can be staged now without waiting. */
    boolean hasRoom(int count) {
        if (block == null || block.room() < count) {
            flush();
            block = capture.staging.poll();
        }
        return block != null;
    }

    private StagingBlock room(int count) throws IOException {
        while (!hasRoom(count)) {
            try {
                block = capture.staging.await();
            } catch (InterruptedException e) {
                throw new IllegalStateException("nobody interrupts a worker", e);
            }
            if (capture.isStopped()) {
                capture.check();
                throw new TargetException("the capture was stopped while it waited for staging");
            }
        }
        return staged();
    }

    /**
     * Copies hot pages of the frozen target, as far as there is room: to wait now would be to wait
     * for ever, since nothing empties staging before the thaw.
     *
     * @return the page up to which there was room: the end of the run, if all was well
     */
    int copyHot(Run hot) throws IOException {
        Block at = hot.block();
        for (int page = hot.first(); page < hot.end(); page++) {
            if (at.claim(page) != Claim.HOT) {
                continue;
            }
            int limit = Math.min(hot.end(), limit(at, page));
            if (!hasRoom(
                    Math.min(StagingBlock.PAGES, (limit - page) * (capture.aliases.size() + 1)))) {
                return page;
            }
            int after = at.moveRun(page, limit, Claim.HOT, Claim.COPYING);
            copyUnprotected(new Run(at, page, after));
            page = after - 1;
        }
        return hot.end();
    }

    /**
     * Copies pages of the frozen target, protected or hot, and leaves them unprotected; false if
     * there is no room.
     */
    boolean copyExempt(Run run) throws IOException {
        if (!hasRoom(Math.min(StagingBlock.PAGES, run.count() * (capture.aliases.size() + 1)))) {
            return false;
        }
        copyClean(run.block(), run.first(), run.end());
        return copyHot(run) == run.end();
    }

    private void copyUnprotected(Run run) throws IOException {
        List<Run> runs = isMappedTwice(run.block(), run.first()) ? withAliases(run) : List.of(run);
        for (Run each : runs) {
            boolean copied = copy(each.block(), each.first(), each.end(), each.start());
            each.set(copied ? Claim.DONE : Claim.LOST);
        }
        for (Run alias : runs.subList(1, runs.size())) {
            protection.release(alias.start(), alias.bytes());
        }
    }

    /**
     * Copies pages that need no claim into staging: the target is frozen. False if they cannot be
     * read.
     */
    boolean copyFrozen(long address, int count, PageReader reader) throws IOException {
        StagingBlock into = room(count);
        long bytes = (long) count * Block.PAGE_BYTES;
        if (reader.read(address, bytes, into.nextAddress()) != bytes) {
            return false;
        }
        into.add(address, count);
        return true;
    }

    /** Hands what is staged on to the drain. */
    void flush() {
        StagingBlock now = block;
        block = null;
        if (now == null) {
            return;
        }
        if (now.isEmpty()) {
            capture.staging.recycle(now);
        } else {
            capture.staging.submit(now);
        }
    }
}
