package dev.stillframe.engine.staging;

import dev.stillframe.engine.instant.PageHash;
import dev.stillframe.engine.instant.PageKind;
import dev.stillframe.engine.instant.PageRecords;
import dev.stillframe.engine.page.PageBatch;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * The sender's own record of every page that it sent, from which the root hash is made. Owned by
 * one thread.
 */
public final class PageLedger implements PageRecords, AutoCloseable {
    private static final ValueLayout.OfLong WORD =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private Arena arena = Arena.ofShared();
    private MemorySegment records;

    /** Of no page anything is known. */
    public PageLedger(long ordinalCount) {
        records = arena.allocate(Math.max(1, ordinalCount * RECORD_BYTES), Long.BYTES);
    }

    /** Makes room for more pages; what is known stays. */
    public void lengthen(long ordinalCount) {
        if (records.byteSize() < ordinalCount * RECORD_BYTES) {
            Arena next = Arena.ofShared();
            MemorySegment more = next.allocate(ordinalCount * RECORD_BYTES, Long.BYTES);
            more.copyFrom(records);
            arena.close();
            arena = next;
            records = more;
        }
    }

    public void record(PageBatch batch) {
        for (int run = 0; run < batch.runCount(); run++) {
            PageKind kind = batch.kind(run);
            long at = batch.firstOrdinal(run) * RECORD_BYTES;
            for (long page = 0; page < batch.pageCount(run); page++, at += RECORD_BYTES) {
                records.set(WORD, at, kind.content().code());
                if (!kind.hasHash()) {
                    records.asSlice(at + Long.BYTES, PageHash.BYTES).fill((byte) 0);
                } else {
                    MemorySegment.copy(
                            batch.hashes(run),
                            page * PageHash.BYTES,
                            records,
                            at + Long.BYTES,
                            PageHash.BYTES);
                }
            }
        }
    }

    /** Takes over what {@code other} knows of pages, which have other ordinals here. */
    public void copy(PageLedger other, long firstOrdinal, long count, long to) {
        MemorySegment.copy(
                other.records,
                firstOrdinal * RECORD_BYTES,
                records,
                to * RECORD_BYTES,
                count * RECORD_BYTES);
    }

    /** The hashes of pages of data, to {@code offset} of {@code into}. */
    void copyHashes(long firstOrdinal, long count, MemorySegment into, long offset) {
        for (long page = 0; page < count; page++) {
            MemorySegment.copy(
                    records,
                    (firstOrdinal + page) * RECORD_BYTES + Long.BYTES,
                    into,
                    offset + page * PageHash.BYTES,
                    PageHash.BYTES);
        }
    }

    /** Up to where pages are of one kind here, and of one kind in {@code other}. */
    long runEnd(long ordinal, long end, PageLedger other) {
        long here = code(ordinal);
        long there = other.code(ordinal);
        long at = ordinal + 1;
        while (at < end && code(at) == here && other.code(at) == there) {
            at++;
        }
        return at;
    }

    private long code(long ordinal) {
        long at = ordinal * RECORD_BYTES;
        return at < records.byteSize() ? records.get(WORD, at) : PageKind.UNKNOWN.code();
    }

    /** What kind a page is. */
    public PageKind kind(long ordinal) {
        return PageKind.of((int) code(ordinal));
    }

    @Override
    public void copy(long firstOrdinal, int count, ByteBuffer into) {
        into.put(
                records.asSlice(firstOrdinal * RECORD_BYTES, (long) count * RECORD_BYTES)
                        .asByteBuffer());
    }

    @Override
    public void close() {
        arena.close();
    }
}
