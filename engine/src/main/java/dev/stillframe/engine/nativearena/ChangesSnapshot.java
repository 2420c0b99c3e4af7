package dev.stillframe.engine.nativearena;

import dev.stillframe.engine.arena.ArenaLayout;
import dev.stillframe.engine.arena.ArenaReport;
import dev.stillframe.engine.arena.MemoryArena;
import dev.stillframe.engine.instant.Ending;
import dev.stillframe.engine.instant.Layout;
import dev.stillframe.engine.instant.PageHash;
import dev.stillframe.engine.instant.PageKind;
import dev.stillframe.engine.instant.PageRecords;
import dev.stillframe.engine.instant.RootHash;
import dev.stillframe.engine.page.PageSink;
import io.micrometer.core.instrument.Clock;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.util.BitSet;
import java.util.HexFormat;
import java.util.List;

/**
 * One snapshot of what was written since an earlier one, told in its steps. No write waits for it:
 * pages are copied in rounds, each of what was written during the one before, and what is left is
 * copied while the threads stand. That is T0.
 *
 * <p>Why nothing is lost: a page that is taken from the watch is marked again in the same step and
 * copied afterwards; a write to it, before, during or after the copy, marks it as written, so that
 * it is copied again. What is marked at T0 stays marked and belongs to the next snapshot too, whose
 * comparison finds whether it was written again. After a snapshot that failed, a comparison of all
 * pages takes the place of what was taken from the watch.
 *
 * <p>Owned by the thread that takes it.
 */
final class ChangesSnapshot implements AutoCloseable {
    private static final int MOST_ROUNDS = 5;
    private static final int FEW_PAGES = 256;

    private final MemoryArena arena;
    private final MemorySegment memory;
    private final PageHistory history;
    private final ArenaReport parent;
    private final PageSink sink;
    private final Clock clock;
    private final int pages;
    private final CopiedPages copies;
    private final PageContents now;

    /** Copies what is under way, stops the threads, copies the rest. */
    @FunctionalInterface
    interface Stop {
        /**
         * When it was, and how long. Every page that was marked as written at that instant was put
         * into {@code copies}.
         */
        Stopped copyWritten(CopiedPages copies, BitSet written) throws IOException;
    }

    /**
     * The instant.
     *
     * @param instantEpochNanos T0
     * @param pauseNanos how long the threads stood
     */
    record Stopped(long instantEpochNanos, long pauseNanos) {}

    ChangesSnapshot(
            MemoryArena arena,
            MemorySegment memory,
            PageHistory history,
            ArenaReport parent,
            PageSink sink,
            Clock clock) {
        this.arena = arena;
        this.memory = memory;
        this.history = history;
        this.parent = parent;
        this.sink = sink;
        this.clock = clock;
        this.pages = Math.toIntExact(memory.byteSize() / PageHistory.PAGE_BYTES);
        this.copies = new CopiedPages(pages);
        this.now = new PageContents(pages);
    }

    ArenaReport take(WriteWatch watch, Stop stop, int epoch) throws IOException {
        long started = clock.monotonicTime();
        BitSet older = history.changedAfter(parent.epoch());
        copyInRounds(watch, older);
        BitSet written = new BitSet();
        Stopped stopped = stop.copyWritten(copies, written);
        history.addWritten(written);
        long instant = clock.monotonicTime();
        BitSet changed = changed();
        BitSet wanted = (BitSet) changed.clone();
        wanted.or(older);
        Layout layout =
                ArenaLayout.of(arena.name(), "rw-s", memory.byteSize())
                        .at(stopped.instantEpochNanos());
        sink.begin(layout);
        send(wanted);
        byte[] rootHash = RootHash.of(layout, List.of(), records(wanted));
        ArenaReport report =
                new ArenaReport(
                        sink.finish(new Ending(List.of(), rootHash)),
                        HexFormat.of().formatHex(rootHash),
                        epoch,
                        wanted.cardinality(),
                        wanted.stream().filter(now::isZero).count(),
                        0,
                        instant - stopped.pauseNanos() - started,
                        stopped.pauseNanos(),
                        clock.monotonicTime() - started,
                        0);
        history.published(report, changed, now);
        return report;
    }

    /** Until what is left is little, or does not become less. */
    private void copyInRounds(WriteWatch watch, BitSet older) throws IOException {
        history.addWritten(watch.takeWritten());
        BitSet left = history.written();
        left.or(older);
        for (int round = 1; ; round++) {
            copies.copy(left, memory);
            int before = left.cardinality();
            left = watch.takeWritten();
            history.addWritten(left);
            if (left.cardinality() <= FEW_PAGES
                    || left.cardinality() > before / 2
                    || round == MOST_ROUNDS) {
                copies.copy(
                        left,
                        memory); // what is written from now on is what is copied while the threads
                // stand
                return;
            }
        }
    }

    /**
     * Hashes all that was copied; the pages that were written and are not as they were at the last
     * snapshot.
     */
    private BitSet changed() {
        BitSet written = history.written();
        BitSet changed = new BitSet();
        copies.pages().stream()
                .forEach(
                        page -> {
                            now.set(page, copies.page(page), 0);
                            if (written.get(page) && !now.isSame(page, history.contents())) {
                                changed.set(page);
                            }
                        });
        return changed;
    }

    private void send(BitSet wanted) throws IOException {
        ChangesBatch batch = new ChangesBatch(copies);
        for (int page = 0; page < pages; page++) {
            if (batch.isFull()) {
                sink.accept(batch);
                batch = new ChangesBatch(copies);
            }
            if (wanted.get(page)) {
                batch.addCopied(page, now);
            } else {
                batch.addUnchanged(page, history.contents());
            }
        }
        sink.accept(batch);
    }

    private PageRecords records(BitSet wanted) {
        return (firstOrdinal, count, into) -> {
            into.order(ByteOrder.LITTLE_ENDIAN);
            for (int i = 0; i < count; i++) {
                int page = Math.toIntExact(firstOrdinal + i);
                PageContents from = wanted.get(page) ? now : history.contents();
                into.putLong((from.isZero(page) ? PageKind.ZERO : PageKind.DATA).code());
                MemorySegment hash = MemorySegment.ofBuffer(into).asSlice(0, PageHash.BYTES);
                from.copyHash(page, hash, 0);
                into.position(into.position() + PageHash.BYTES);
            }
        };
    }

    /** The sink is closed by now: it may have held copies. */
    @Override
    public void close() {
        copies.close();
    }
}
