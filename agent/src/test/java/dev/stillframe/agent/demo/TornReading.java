package dev.stillframe.agent.demo;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;

/**
 * Reads a writer's memory at two instants: the first slice as it was before all threads went on.
 * However slow the machine is, the second slice has then seen steps of the first that the image
 * lacks.
 */
final class TornReading implements PlainImage.Reading {
    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final int STEPS = 3;
    private static final int UNWRITTEN_WORD = 2;

    private final Pattern pattern;

    TornReading(Pattern pattern) {
        this.pattern = pattern;
    }

    @Override
    public void read(int pid, long address, MemorySegment into) throws IOException {
        StoppedProcess.read(pid, address, into);
        long begin = patternIn(into);
        if (begin < 0) {
            return;
        }
        long sliceBytes = (long) pattern.pagesPerThread() * Pattern.PAGE_BYTES;
        byte[] before = into.asSlice(begin, sliceBytes).toArray(ValueLayout.JAVA_BYTE);
        for (int slice = 0;
                slice < 2;
                slice++) { // first the one that is seen, then the one that sees
            long highest = highest(into, begin, slice);
            long deadline = System.nanoTime() + PATIENCE.toNanos();
            while (highest(into, begin, slice) < highest + STEPS) {
                if (System.nanoTime() > deadline) {
                    throw new IOException("the writer stands still");
                }
                StoppedProcess.read(pid, address, into);
            }
        }
        MemorySegment.copy(before, 0, into, ValueLayout.JAVA_BYTE, begin, before.length);
    }

    private long patternIn(MemorySegment memory) {
        for (long page = 0;
                page + pattern.sizeBytes() <= memory.byteSize();
                page += Pattern.PAGE_BYTES) {
            long word = memory.get(ValueLayout.JAVA_LONG, page + UNWRITTEN_WORD * Long.BYTES);
            if (word == Pattern.filler(0, UNWRITTEN_WORD)) {
                return page;
            }
        }
        return -1;
    }

    private long highest(MemorySegment memory, long begin, int slice) {
        long highest = 0;
        for (int page = 0; page < pattern.pagesPerThread(); page++) {
            long offset =
                    begin + ((long) slice * pattern.pagesPerThread() + page) * Pattern.PAGE_BYTES;
            highest = Math.max(highest, memory.get(ValueLayout.JAVA_LONG, offset));
        }
        return highest;
    }
}
