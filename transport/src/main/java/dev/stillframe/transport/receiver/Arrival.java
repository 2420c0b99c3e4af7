package dev.stillframe.transport.receiver;

import dev.stillframe.engine.page.Checkpoint;
import dev.stillframe.engine.page.PageBatch;
import dev.stillframe.transport.wire.BatchBuffer;
import dev.stillframe.transport.wire.ErrorCode;
import dev.stillframe.transport.wire.Limits;
import dev.stillframe.transport.wire.Message;
import dev.stillframe.transport.wire.ProtocolException;
import java.util.BitSet;

/**
 * Which batches have come, on whatever lane, and how many pages. Immutable.
 *
 * @param shape what the layout says
 * @param upTo all batches up to this one
 * @param ahead bit n: batch {@code upTo + 1 + n} has come, too; not to be modified
 * @param pages in all of them
 */
record Arrival(SessionState.Shape shape, long upTo, BitSet ahead, long pages) {
    /** Nothing but what was durable before. */
    static Arrival behind(SessionState.Shape shape, Checkpoint durable) {
        return new Arrival(shape, durable.batches(), new BitSet(), durable.pages());
    }

    /**
     * One batch more.
     *
     * @throws ProtocolException if it has come already, is too far ahead, or has pages that the
     *     layout does not have
     */
    Arrival with(Message.Batch batch) throws ProtocolException {
        long place = batch.sequence() - upTo - 1;
        if (place < 0 || place >= Limits.MAX_AHEAD || ahead.get((int) place)) {
            throw new ProtocolException(
                    ErrorCode.ORDER,
                    "batch %d; all up to %d have come, and each comes once, at most %d ahead"
                            .formatted(batch.sequence(), upTo, Limits.MAX_AHEAD));
        }
        long count = checkedPages(batch);
        if (place > 0) {
            BitSet more = (BitSet) ahead.clone();
            more.set((int) place);
            return new Arrival(shape, upTo, more, pages + count);
        }
        int run = ahead.nextClearBit(1);
        return new Arrival(
                shape, upTo + run, ahead.get(run, Math.max(run, ahead.length())), pages + count);
    }

    /** Whether each is in an extent is for the sink to see. */
    private long checkedPages(Message.Batch message) throws ProtocolException {
        PageBatch batch = message.pages();
        if (batch instanceof BatchBuffer buffer
                && buffer.pageSizeBytes() != shape.pageSizeBytes()) {
            throw new ProtocolException(
                    ErrorCode.IMAGE,
                    "batch %d has pages of %d bytes, the layout of %d"
                            .formatted(
                                    message.sequence(),
                                    buffer.pageSizeBytes(),
                                    shape.pageSizeBytes()));
        }
        long count = 0;
        for (int run = 0; run < batch.runCount(); run++) {
            count += batch.pageCount(run); // bounded: runs times MAX_PAGES
            if (batch.firstOrdinal(run) > shape.ordinalCount() - batch.pageCount(run)) {
                throw new ProtocolException(
                        ErrorCode.IMAGE,
                        "batch %d has %d pages from %d; the layout has %d"
                                .formatted(
                                        message.sequence(),
                                        batch.pageCount(run),
                                        batch.firstOrdinal(run),
                                        shape.ordinalCount()));
            }
        }
        return count;
    }

    /** Refuses a layout that comes while batches of the one before may still be on the lanes. */
    void checkRoundEnds() throws ProtocolException {
        if (!ahead.isEmpty()) {
            throw new ProtocolException(
                    ErrorCode.ORDER,
                    "a layout, while batch %d of the round before has not come"
                            .formatted(upTo + 1));
        }
    }

    /** Refuses an END that cannot be right, whatever is still on the way. */
    void checkEnd(Message.End end) throws ProtocolException {
        long last = ahead.isEmpty() ? upTo : upTo + ahead.length();
        if (end.batches() < last || (isComplete(end) && pages != end.pages())) {
            throw new ProtocolException(
                    ErrorCode.IMAGE,
                    "END after %d batches with %d pages; it says %d batches and %d pages"
                            .formatted(last, pages, end.batches(), end.pages()));
        }
    }

    /** Whether all batches are there. */
    boolean isComplete(Message.End end) {
        return upTo == end.batches();
    }
}
