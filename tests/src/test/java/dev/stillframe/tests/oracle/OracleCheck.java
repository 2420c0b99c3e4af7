package dev.stillframe.tests.oracle;

import static dev.stillframe.tests.oracle.OraclePage.CAUSE_SLOT;
import static dev.stillframe.tests.oracle.OraclePage.SEAL_SLOT;
import static dev.stillframe.tests.oracle.OraclePage.SLOTS;
import static dev.stillframe.tests.oracle.OracleShape.PAGE_BYTES;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Decides whether bytes are what the memory of {@code oracle.c} was at one instant. Every byte is
 * accounted for:
 *
 * <ul>
 *   <li>the newest write of a thread may be half done, as a prefix of its stores; then its number
 *       is not published;
 *   <li>every other page of the thread holds exactly the last write that went there, or zeros;
 *   <li>the board shows a thread's newest finished write, or the one before while the newest is not
 *       yet published;
 *   <li>no page names a cause that the board does not show (an effect without its cause), and the
 *       causes that a thread saw never go back.
 * </ul>
 *
 * <p>Owned by one thread.
 */
public final class OracleCheck {
    private static final int BOARD_LINE_BYTES = 64;

    private final OracleShape shape;
    private final MemorySegment expected = MemorySegment.ofArray(new long[PAGE_BYTES / Long.BYTES]);

    private OracleCheck(OracleShape shape) {
        this.shape = shape;
    }

    /**
     * The first deviation in words, or empty if {@code region} is one instant.
     *
     * @param region the whole region, {@code shape.sizeBytes()} bytes
     */
    public static Optional<String> deviation(OracleShape shape, MemorySegment region) {
        if (region.byteSize() != shape.sizeBytes()) {
            return Optional.of(
                    "%d bytes instead of %d".formatted(region.byteSize(), shape.sizeBytes()));
        }
        return new OracleCheck(shape).deviation(region);
    }

    /** The number that each thread has published on the board, in order of the threads. */
    public static List<Long> published(OracleShape shape, MemorySegment region) {
        List<Long> numbers = new ArrayList<>();
        for (int thread = 0; thread < shape.threads(); thread++) {
            numbers.add(region.get(OraclePage.WORD, (long) thread * BOARD_LINE_BYTES));
        }
        return numbers;
    }

    private Optional<String> deviation(MemorySegment region) {
        Optional<String> wrong = boardDeviation(region);
        for (int thread = 0; thread < shape.threads() && wrong.isEmpty(); thread++) {
            wrong = threadDeviation(region, thread);
        }
        return wrong;
    }

    /** The board holds a number for every thread and nothing else. */
    private Optional<String> boardDeviation(MemorySegment region) {
        expected.fill((byte) 0);
        List<Long> published = published(shape, region);
        for (int thread = 0; thread < shape.threads(); thread++) {
            expected.set(OraclePage.WORD, (long) thread * BOARD_LINE_BYTES, published.get(thread));
        }
        long at = expected.mismatch(region.asSlice(0, PAGE_BYTES));
        return at < 0 ? Optional.empty() : Optional.of("board: unexpected byte at " + at);
    }

    private Optional<String> threadDeviation(MemorySegment region, int thread) {
        VisitOrder order = new VisitOrder(shape.pagesOf(thread));
        long newest = newestWrite(region, thread);
        long published = published(shape, region).get(thread);
        if (published != newest && published != newest - 1) {
            return Optional.of(
                    "thread %d: the newest write in its pages is %d, the board shows %d"
                            .formatted(thread, newest, published));
        }
        long latestCause = published(shape, region).get(shape.before(thread));
        for (long write = newest; write > Math.max(0, newest - 2 * order.count()); write--) {
            long index = order.page(write);
            if (order.lastWrite(newest, index) != write) {
                continue; // overwritten since
            }
            Place place = new Place(thread, index, write);
            int done =
                    write > published
                            ? storesOfUnfinished(region, place, order.lastWrite(newest - 1, index))
                            : storesOfFinished(region, place);
            if (done == 0) {
                return Optional.of(describe(region, place));
            }
            if (done > CAUSE_SLOT) {
                long cause = OraclePage.slot(region, shape.offsetOf(thread, index), CAUSE_SLOT);
                if (!causeFits(cause, write, latestCause)) {
                    return Optional.of(
                            "%s: names cause %d, but only %d was published by then"
                                    .formatted(place, cause, latestCause));
                }
                latestCause = cause;
            }
        }
        return neverWrittenDeviation(region, thread, order, newest);
    }

    private long newestWrite(MemorySegment region, int thread) {
        long newest = 0;
        for (long index = 0; index < shape.pagesOf(thread); index++) {
            newest = Math.max(newest, OraclePage.slot(region, shape.offsetOf(thread, index), 0));
        }
        return newest;
    }

    /** A lone thread sees its own numbers, so its cause is known exactly. */
    private boolean causeFits(long cause, long write, long latestCause) {
        return cause >= 0 && cause <= latestCause && (shape.threads() > 1 || cause == write - 1);
    }

    /** All of them, or 0 if the page is not what the write left. */
    private int storesOfFinished(MemorySegment region, Place place) {
        long offset = shape.offsetOf(place.thread, place.index);
        long cause = OraclePage.slot(region, offset, CAUSE_SLOT);
        expected.fill((byte) 0);
        OraclePage.storeAll(expected, base(place, place.write), place.write, cause);
        return expected.mismatch(region.asSlice(offset, PAGE_BYTES)) < 0 ? SLOTS : 0;
    }

    /**
     * How many stores of the newest write are in its page, with what {@code writeBefore} left
     * (nothing, if it is 0) behind them; or 0 if it is no such mixture.
     */
    private int storesOfUnfinished(MemorySegment region, Place place, long writeBefore) {
        long offset = shape.offsetOf(place.thread, place.index);
        long base = base(place, place.write);
        long baseBefore = base(place, writeBefore);
        long cause = OraclePage.slot(region, offset, CAUSE_SLOT);
        long seal = OraclePage.slot(region, offset, SEAL_SLOT);
        // Between the store of the cause and that of its seal, the seal alone tells the cause of
        // the write before.
        long causeBefore = writeBefore == 0 ? 0 : OraclePage.unseal(seal, baseBefore);
        for (int done = SLOTS; done > 0; done--) {
            if (done == CAUSE_SLOT + 1 && !lowerCause(causeBefore, writeBefore, cause)) {
                continue; // with equal causes one store less explains the page as well
            }
            expected.fill((byte) 0);
            if (writeBefore > 0) {
                OraclePage.storeAll(expected, baseBefore, writeBefore, causeBefore);
            }
            for (int slot = 0; slot < done; slot++) {
                OraclePage.store(expected, slot, base, place.write, cause);
            }
            if (expected.mismatch(region.asSlice(offset, PAGE_BYTES)) < 0) {
                return done;
            }
        }
        return 0;
    }

    private boolean lowerCause(long causeBefore, long writeBefore, long cause) {
        return causeBefore != cause
                && (writeBefore == 0 || causeFits(causeBefore, writeBefore, cause));
    }

    private Optional<String> neverWrittenDeviation(
            MemorySegment region, int thread, VisitOrder order, long newest) {
        if (newest >= order.count()) {
            return Optional.empty();
        }
        expected.fill((byte) 0);
        for (long index = 0; index < order.count(); index++) {
            long at = expected.mismatch(region.asSlice(shape.offsetOf(thread, index), PAGE_BYTES));
            if (order.lastWrite(newest, index) == 0 && at >= 0) {
                return Optional.of(describe(region, new Place(thread, index, 0)));
            }
        }
        return Optional.empty();
    }

    private long base(Place place, long write) {
        return OraclePage.base(shape.seed(), write, shape.cellOf(place.thread, place.index));
    }

    private String describe(MemorySegment region, Place place) {
        long offset = shape.offsetOf(place.thread, place.index);
        return "%s: the page at offset 0x%x is not what that write left; it calls itself write %d"
                .formatted(place, offset, OraclePage.slot(region, offset, 0));
    }

    private record Place(int thread, long index, long write) {
        @Override
        public String toString() {
            return "thread %d, page %d, write %d".formatted(thread, index, write);
        }
    }
}
