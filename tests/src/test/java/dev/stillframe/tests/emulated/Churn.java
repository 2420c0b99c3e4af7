package dev.stillframe.tests.emulated;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.engine.instant.PageKind;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.memory.Region;
import dev.stillframe.engine.mmu.BlockingTask.Start;
import dev.stillframe.engine.mmu.MemoryCalls.Advice;
import dev.stillframe.engine.mmu.MemoryCalls.Move;
import dev.stillframe.engine.mmu.Outcome;
import dev.stillframe.tests.Seed;
import dev.stillframe.tests.image.MemoryImage;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Optional;
import java.util.concurrent.TimeoutException;
import java.util.random.RandomGenerator;

/**
 * A thread that fills a range with the number of its turn, page by page, and then discards or moves
 * it. A board shows the last turn that was filled.
 */
final class Churn implements AutoCloseable {
    private static final int PAGE = 4096;
    private static final int RANGES = 16;
    private static final long RANGE_BYTES = 8L * PAGE;
    private static final ValueLayout.OfLong WORD = ValueLayout.JAVA_LONG_UNALIGNED;

    private final EmulatedThreads.Running running;
    private final long board;
    private final AddressRange oracle;
    private final long[] ranges = new long[RANGES];
    private final RandomGenerator random = Seed.random("Churn");
    private long turn;
    private final Repeating thread;

    private Churn(EmulatedThreads threads, AddressRange oracle) {
        this.oracle = oracle;
        running = threads.newThread();
        board = threads.process().mapAnonymous(PAGE);
        for (int i = 0; i < RANGES; i++) {
            ranges[i] = threads.process().mapAnonymous(RANGE_BYTES);
        }
        thread = new Repeating("emulated-churn", this::turn);
    }

    /** Starts it beside the writers, whose region is {@code oracle}. */
    static Churn start(EmulatedThreads threads, AddressRange oracle) {
        return new Churn(threads, oracle);
    }

    private void turn() throws Exception {
        turn++;
        int range = random.nextInt(RANGES);
        for (long at = ranges[range]; at < ranges[range] + RANGE_BYTES; at += PAGE) {
            fill(at);
        }
        fill(board);
        int other = random.nextInt(RANGES);
        if (random.nextBoolean()) {
            run(t -> t.memory().advise(ranges[other], RANGE_BYTES, Advice.DONTNEED));
        } else {
            ranges[other] =
                    run(
                            t ->
                                    t.memory()
                                            .remap(
                                                    ranges[other],
                                                    RANGE_BYTES,
                                                    RANGE_BYTES,
                                                    Move.ELSEWHERE));
        }
    }

    private void fill(long page) throws InterruptedException, TimeoutException {
        store(page, turn);
        store(page + PAGE - Long.BYTES, turn);
    }

    private void store(long address, long value) throws InterruptedException, TimeoutException {
        run(task -> task.store(address, value, Long.BYTES));
    }

    private long run(Start operation) throws InterruptedException, TimeoutException {
        if (running.run(operation) instanceof Outcome.Done(long value) && value >= 0) {
            return value;
        }
        throw new IllegalStateException("an operation failed");
    }

    /** Every page that is not listed is of one turn, none of a turn that had not begun at T0. */
    void check(MemoryImage image) {
        long published = first(image, board);
        int halfWritten = 0;
        for (Region region : image.layout().regions()) {
            for (long at = region.range().start(); at < region.range().end(); at += PAGE) {
                boolean ours = !oracle.contains(at) && at != board;
                if (ours
                        && !image.isMissing(at)
                        && image.kind(at).equals(Optional.of(PageKind.DATA))) {
                    assertThat(first(image, at)).isLessThanOrEqualTo(published + 1);
                    halfWritten += first(image, at) == last(image, at) ? 0 : 1;
                }
            }
        }
        assertThat(halfWritten).isLessThanOrEqualTo(1);
        assertThat(image.ending().missing()).noneMatch(missing -> missing.range().overlaps(oracle));
    }

    private static long first(MemoryImage image, long page) {
        return word(image, page, 0);
    }

    private static long last(MemoryImage image, long page) {
        return word(image, page, PAGE - Long.BYTES);
    }

    private static long word(MemoryImage image, long page, long offset) {
        MemorySegment bytes = image.read(new AddressRange(page, page + PAGE));
        return bytes.get(WORD, offset);
    }

    @Override
    public void close() {
        thread.close();
    }
}
