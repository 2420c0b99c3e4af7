package dev.stillframe.engine.capture;

import dev.stillframe.engine.linux.Errno;
import dev.stillframe.engine.linux.Userfaultfd;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.memory.RegionKind;
import dev.stillframe.engine.process.TargetException;
import dev.stillframe.engine.tracking.WriteTracker;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * What one worker is told by the kernel: faults are put aside until they are answered, and what the
 * target did with its mappings is entered at once where all look. Owned by its worker. Allocates
 * nothing for a fault.
 */
final class Messages implements AutoCloseable {
    private static final int MESSAGES = 64;
    private static final int PENDING = 4096;

    private final Capture capture;
    private final WriteTracker tracker;
    private final Turn reading;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment messages =
            arena.allocate((long) MESSAGES * Userfaultfd.MESSAGE_BYTES, 8);
    private final long[] pending = new long[PENDING];
    private final long[] pendingSince = new long[PENDING];
    private int pendingCount;
    private final List<Capture.Move> moves = new ArrayList<>();

    /**
     * How many discards were logged when the last reading began, and with those that it has logged
     * since.
     */
    private long logged;

    private long told;

    /**
     * {@code reading} is its owner's turn while messages are read and the events among them are
     * being logged.
     */
    Messages(Capture capture, Turn reading) {
        this.capture = capture;
        this.tracker = capture.tracker;
        this.reading = reading;
    }

    boolean hasFaults() {
        return pendingCount > 0;
    }

    /** Takes the last fault; {@link #since} tells of the same. */
    long takeFault() {
        return pending[--pendingCount];
    }

    /**
     * The {@linkplain Capture#clock clock's} time of the reading of the fault that was taken last.
     */
    long since() {
        return pendingSince[pendingCount];
    }

    int moves() {
        return moves.size();
    }

    /** Takes the last move of memory after T0 that this worker was told. */
    Capture.Move takeMove() {
        return moves.removeLast();
    }

    /** Reads messages; events are dealt with at once, faults are put aside. */
    void receive() throws IOException {
        reading.begin();
        try {
            logged = capture.discards.mark();
            told = logged;
            int count = tracker.read(messages);
            if (count < 0 && !capture.isStopped()) {
                throw new TargetException(
                        "reading the userfaultfd answered " + Errno.nameOf(-count));
            }
            long now = count > 0 ? capture.clock.monotonicTime() : 0;
            for (int i = 0; i < count; i++) {
                long start = Userfaultfd.messageStart(messages, i);
                switch (Userfaultfd.messageEvent(messages, i)) {
                    case FAULT -> remember(start, now);
                    case REMOVE -> discarded(start, Userfaultfd.messageEnd(messages, i), false);
                    case UNMAP -> discarded(start, Userfaultfd.messageEnd(messages, i), true);
                    case REMAP ->
                            moved(
                                    start,
                                    Userfaultfd.messageEnd(messages, i),
                                    Userfaultfd.messageTarget(messages, i));
                }
            }
        } finally {
            reading.end();
        }
    }

    /** Puts a fault aside, unless it is already. */
    void remember(long address, long now) {
        for (int i = 0; i < pendingCount; i++) {
            if (pending[i] == address) {
                return; // many threads on one page, or a signal: one answer wakes them all
            }
        }
        if (pendingCount == PENDING) {
            // Its writer is woken when the sweep comes to the page, or faults again.
            tracker.wake(address & -Block.PAGE_BYTES, Block.PAGE_BYTES);
            return;
        }
        pending[pendingCount] = address;
        pendingSince[pendingCount++] = now;
    }

    private void discarded(long start, long end, boolean gone) {
        AddressRange range = new AddressRange(start, end);
        if (capture.phase() == Capture.Phase.ARM) {
            (gone ? capture.unmapped : capture.stale).add(range);
            return;
        }
        for (Block each : capture.table.within(start, end)) {
            for (Piece piece : each.pieces()) {
                // A discard of shared memory may only unmap it here; whether the content has gone
                // is seen when it is read.
                if (gone || piece.mapping().kind() != RegionKind.SHARED) {
                    lose(each, piece, range);
                } else {
                    capture.givenUp.add(range);
                    capture.elsewhere(piece.mapping(), range).forEach(capture.givenUp::add);
                }
            }
            forgetHoles(each, range);
        }
        log(range);
    }

    /** Behind the claims: what another worker has claimed meanwhile, it did after its mark. */
    private void log(AddressRange range) {
        capture.discards.add(range);
        told++;
    }

    /** What was empty until now is accounted for. */
    private static void forgetHoles(Block block, AddressRange range) {
        for (int page = block.firstPage(range); page < block.endPage(range); page++) {
            block.move(page, Claim.HOLE, Claim.ZERO);
        }
    }

    private static void lose(Block block, Piece piece, AddressRange range) {
        for (int page = piece.firstPage(); page < piece.endPage(); page++) {
            if (range.contains(block.address(page))) {
                block.move(page, Claim.CLEAN, Claim.LOST);
            }
        }
    }

    private void moved(long from, long end, long target) {
        if (from == end) {
            mappedOnceMore(from); // nothing has moved: mremap(2) with an old size of 0
            return;
        }
        AddressRange range = new AddressRange(from, end);
        if (capture.phase() == Capture.Phase.ARM) {
            capture.unmapped.add(range);
            capture.stale.add(new AddressRange(target, target + range.sizeBytes()));
            return;
        }
        // Claimed now, so that nobody looks for them at their old place.
        for (Block each : capture.table.within(from, end)) {
            for (int page = 0; page < Block.PAGES; page++) {
                if (range.contains(each.address(page))
                        && each.move(page, Claim.CLEAN, Claim.MOVED)) {
                    capture.movedPages.incrementAndGet();
                }
            }
            forgetHoles(each, range);
        }
        // What we were told before the move was before it; what others were told meanwhile may have
        // been after it.
        long mark = capture.discards.mark();
        Capture.Move move = new Capture.Move(range, target, mark == told ? mark : logged);
        log(range);
        capture.moves.add(move);
        moves.add(move);
    }

    private void mappedOnceMore(long address) {
        if (capture.phase() != Capture.Phase.ARM) { // before T0 the freeze finds the mapping
            long page = address & -Block.PAGE_BYTES;
            capture.mappedOnceMore.add(new AddressRange(page, page + Block.PAGE_BYTES));
        }
    }

    @Override
    public void close() {
        arena.close();
    }
}
