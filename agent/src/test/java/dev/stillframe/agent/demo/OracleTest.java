package dev.stillframe.agent.demo;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.agent.demo.Oracle.Verdict;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class OracleTest {
    private static final int THREADS = 3;
    private static final int PAGES = 8;

    private final Arena arena = Arena.ofConfined();
    private final Pattern pattern = new Pattern(THREADS, PAGES);
    private final MemorySegment memory = arena.allocate(pattern.sizeBytes(), 8);
    private final PatternWriter writer = new PatternWriter(pattern, memory);

    @AfterEach
    void free() {
        arena.close();
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 7, 8, 9, 100})
    void untouchedMemoryIsOneInstant(int steps) throws IOException {
        run(steps);
        Verdict verdict = judge();
        assertThat(verdict.deviations()).isEmpty();
        assertThat(verdict.isOneInstant()).isTrue();
        assertThat(verdict.steps()).containsOnly((long) steps).hasSize(THREADS);
    }

    @Test
    void everyInterleavingIsOneInstant() throws IOException {
        Random random = random();
        for (int step = 0; step < 500; step++) {
            writer.step(random.nextInt(THREADS));
            assertThat(judge().deviations()).isEmpty();
        }
    }

    @Test
    void aChangedBitAnywhereIsFound() throws IOException {
        Random random = random();
        run(20);
        for (int round = 0; round < 500; round++) {
            long offset = random.nextLong(memory.byteSize());
            byte bit = (byte) (1 << random.nextInt(8));
            flip(offset, bit);
            assertThat(judge().isOneInstant()).as("bit %d of byte %d", bit, offset).isFalse();
            flip(offset, bit);
        }
        assertThat(judge().isOneInstant()).isTrue();
    }

    @Test
    void aPageOfThePastIsFound() throws IOException {
        run(20);
        byte[] past = page(pattern.pageOf(1, 20));
        run(PAGES);
        assertThat(judge().isOneInstant()).isTrue();
        setPage(pattern.pageOf(1, 20), past);
        assertThat(judge().isOneInstant()).isFalse();
    }

    @Test
    void aPageOfTheFutureIsFound() throws IOException {
        run(20);
        byte[] now = memory.toArray(ValueLayout.JAVA_BYTE);
        run(3);
        byte[] future = page(pattern.pageOf(2, 23));
        MemorySegment.copy(now, 0, memory, ValueLayout.JAVA_BYTE, 0, now.length);
        setPage(pattern.pageOf(2, 23), future);
        assertThat(judge().isOneInstant()).isFalse();
    }

    @Test
    void onlyTheNewestPageMayBeHalfWritten() throws IOException {
        run(20);
        writer.step(0); // nobody has seen this step yet, so it may be incomplete
        for (int stamp = Pattern.STAMPS - 1; stamp > 0; stamp--) {
            set(pattern.pageOf(0, 21), Pattern.stampWord(stamp), 21 - PAGES);
            assertThat(judge().deviations()).as("newest, from stamp %d on", stamp).isEmpty();
        }
        set(pattern.pageOf(0, 20), Pattern.stampWord(Pattern.STAMPS - 1), 20 - PAGES);
        assertThat(judge().deviations()).singleElement().asString().contains("mixed");
    }

    @Test
    void aStepThatAnotherThreadSawCompleteMustBeComplete() throws IOException {
        run(20);
        assertThat(judge().isOneInstant()).isTrue();
        set(pattern.pageOf(0, 20), Pattern.stampWord(Pattern.STAMPS - 1), 20 - PAGES);
        assertThat(judge().deviations()).singleElement().asString().contains("not one instant");
    }

    @Test
    void slicesOfDifferentInstantsAreFound() throws IOException {
        run(20);
        int bytes = PAGES * Pattern.PAGE_BYTES;
        byte[] sliceBefore = memory.asSlice(0, bytes).toArray(ValueLayout.JAVA_BYTE);
        run(2);
        MemorySegment.copy(sliceBefore, 0, memory, ValueLayout.JAVA_BYTE, 0, bytes);
        assertThat(judge().deviations()).singleElement().asString().contains("not one instant");
    }

    @Test
    void zeroedMemoryIsFound() throws IOException {
        run(20);
        memory.asSlice((PAGES + 1L) * Pattern.PAGE_BYTES, Pattern.PAGE_BYTES).fill((byte) 0);
        Verdict verdict = judge();
        assertThat(verdict.deviationCount()).isGreaterThan(400);
        assertThat(verdict.deviations()).hasSizeLessThan(50);
    }

    @Test
    void thePatternFitsAndVisitsEveryPage() {
        Pattern fitting = Pattern.fitting(256L << 20, 3);
        assertThat(fitting.pagesPerThread()).isEqualTo(16384);
        assertThat(fitting.sizeBytes()).isLessThanOrEqualTo(256L << 20);
        assertThat(LongStream.range(0, PAGES).map(step -> pattern.pageOf(1, step)))
                .containsExactlyInAnyOrder(8L, 9L, 10L, 11L, 12L, 13L, 14L, 15L);
    }

    private void run(int steps) {
        for (int step = 0; step < steps; step++) {
            for (int thread = 0; thread < THREADS; thread++) {
                writer.step(thread);
            }
        }
    }

    private Verdict judge() throws IOException {
        return Oracle.judge(
                pattern, (offset, into) -> into.copyFrom(memory.asSlice(offset, into.byteSize())));
    }

    private static long word(int page, int word) {
        return (long) page * Pattern.PAGE_BYTES + (long) word * Long.BYTES;
    }

    private byte[] page(int page) {
        return memory.asSlice(word(page, 0), Pattern.PAGE_BYTES).toArray(ValueLayout.JAVA_BYTE);
    }

    private void setPage(int page, byte[] bytes) {
        MemorySegment.copy(bytes, 0, memory, ValueLayout.JAVA_BYTE, word(page, 0), bytes.length);
    }

    private void set(int page, int word, long value) {
        memory.set(ValueLayout.JAVA_LONG, word(page, word), value);
    }

    private void flip(long offset, byte bit) {
        byte value = memory.get(ValueLayout.JAVA_BYTE, offset);
        memory.set(ValueLayout.JAVA_BYTE, offset, (byte) (value ^ bit));
    }

    private static Random random() {
        long seed = Long.getLong("stillframe.seed", System.nanoTime());
        System.out.println("stillframe.seed=" + seed);
        return new Random(seed);
    }
}
