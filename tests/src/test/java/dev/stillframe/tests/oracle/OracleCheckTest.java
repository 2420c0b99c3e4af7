package dev.stillframe.tests.oracle;

import static dev.stillframe.tests.oracle.OracleShape.PAGE_BYTES;
import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.tests.Seed;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class OracleCheckTest {
    private final RandomGenerator random = Seed.random("OracleCheckTest");

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 8})
    void everyInstantOfEveryInterleavingIsAccepted(int threads) {
        OracleShape shape = new OracleShape(24 * PAGE_BYTES, threads, random.nextLong());
        MemorySegment region = emptyRegion(shape);
        SimulatedOracle oracle = new SimulatedOracle(shape, OracleMemory.of(region));
        assertThat(OracleCheck.deviation(shape, region)).isEmpty();
        for (int step = 0; step < 20_000; step++) {
            oracle.step(random.nextInt(threads));
            assertThat(OracleCheck.deviation(shape, region)).as("after step %d", step).isEmpty();
        }
    }

    @Test
    void everyPageIsVisitedOnceARoundAndLastWriteKnowsIt() {
        for (long count = 1; count < 40; count++) {
            VisitOrder order = new VisitOrder(count);
            long[] last = new long[(int) count];
            for (long write = 1; write <= 5 * count; write++) {
                last[(int) order.page(write)] = write;
                for (int page = 0; page < count; page++) {
                    assertThat(order.lastWrite(write, page)).isEqualTo(last[page]);
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 8})
    void anyFlippedBitIsFound(int threads) {
        Instants instants = new Instants(threads);
        for (int i = 0; i < 2_000; i++) {
            MemorySegment image = instants.copyOfLater();
            long at = random.nextLong(image.byteSize());
            byte before = image.get(ValueLayout.JAVA_BYTE, at);
            image.set(ValueLayout.JAVA_BYTE, at, (byte) (before ^ 1 << random.nextInt(8)));
            assertThat(OracleCheck.deviation(instants.shape, image)).as("byte %d", at).isPresent();
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 8})
    void aPageOfAnotherInstantIsFound(int threads) {
        Instants instants = new Instants(threads);
        int differing = 0;
        for (long offset = 0; offset < instants.earlier.byteSize(); offset += PAGE_BYTES) {
            MemorySegment before = instants.earlier.asSlice(offset, PAGE_BYTES);
            MemorySegment after = instants.later.asSlice(offset, PAGE_BYTES);
            if (before.mismatch(after) >= 0) {
                differing++;
                MemorySegment image = instants.copyOfLater();
                image.asSlice(offset, PAGE_BYTES).copyFrom(before);
                assertThat(OracleCheck.deviation(instants.shape, image))
                        .as("too old at %d", offset)
                        .isPresent();
                if (instants.isNextWriteOfAThread(offset)) {
                    continue; // finished but not yet published: that may be an instant
                }
                image = instants.copyOfEarlier();
                image.asSlice(offset, PAGE_BYTES).copyFrom(after);
                assertThat(OracleCheck.deviation(instants.shape, image))
                        .as("too new at %d", offset)
                        .isPresent();
            }
        }
        assertThat(differing).isGreaterThan(threads);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 8})
    void aPageThatWasCopiedWhileItWasWrittenIsFound(int threads) {
        Instants instants = new Instants(threads);
        long offset = instants.oracle.offsetOfWrite(0, instants.earlierWrite + 3);
        for (int cut = 8; cut < PAGE_BYTES; cut += 8) {
            MemorySegment image = instants.copyOfLater();
            image.asSlice(offset, cut).copyFrom(instants.earlier.asSlice(offset, cut));
            assertThat(OracleCheck.deviation(instants.shape, image))
                    .as("cut at %d", cut)
                    .isPresent();
        }
    }

    @Test
    void storesOutOfOrderAreFound() {
        OracleShape shape = new OracleShape(24 * PAGE_BYTES, 1, random.nextLong());
        MemorySegment region = emptyRegion(shape);
        SimulatedOracle oracle = new SimulatedOracle(shape, OracleMemory.of(region));
        oracle.writes(0, 60);
        MemorySegment before = copyOf(region);
        long page = oracle.offsetOfWrite(0, 61);
        oracle.writes(0, 1);
        for (int skipped = 1; skipped < OraclePage.SLOTS; skipped++) {
            // The publication of 61 is not yet there, its first and its last store are, one between
            // is not.
            MemorySegment image = copyOf(region);
            image.set(OraclePage.WORD, 0, 60L);
            assertThat(OracleCheck.deviation(shape, image)).isEmpty();
            MemorySegment previous = before.asSlice(page, PAGE_BYTES);
            long offset = slotOffset(copyOf(region), previous, page, skipped);
            image.set(OraclePage.WORD, page + offset, previous.get(OraclePage.WORD, offset));
            if (skipped < OraclePage.SLOTS - 1) {
                assertThat(OracleCheck.deviation(shape, image)).as("store %d", skipped).isPresent();
            } else {
                assertThat(OracleCheck.deviation(shape, image)).isEmpty(); // a prefix after all
            }
        }
    }

    @Test
    void aPageOfZerosAndAPageInAnothersPlaceAreFound() {
        Instants instants = new Instants(2);
        for (long offset = PAGE_BYTES; offset < instants.later.byteSize(); offset += PAGE_BYTES) {
            MemorySegment image = instants.copyOfLater();
            image.asSlice(offset, PAGE_BYTES).fill((byte) 0);
            assertThat(OracleCheck.deviation(instants.shape, image))
                    .as("zeros at %d", offset)
                    .isPresent();
            long other = offset == PAGE_BYTES ? 2 * PAGE_BYTES : PAGE_BYTES;
            image = instants.copyOfLater();
            image.asSlice(offset, PAGE_BYTES).copyFrom(instants.later.asSlice(other, PAGE_BYTES));
            assertThat(OracleCheck.deviation(instants.shape, image))
                    .as("moved to %d", offset)
                    .isPresent();
        }
    }

    /**
     * Each thread's pages are one instant, but not the same one: the second saw numbers of the
     * first.
     */
    @Test
    void anEffectWithoutItsCauseIsFound() {
        OracleShape shape = new OracleShape(24 * PAGE_BYTES, 2, random.nextLong());
        MemorySegment region = emptyRegion(shape);
        SimulatedOracle oracle = new SimulatedOracle(shape, OracleMemory.of(region));
        oracle.writes(0, 50);
        oracle.writes(1, 50);
        MemorySegment early = copyOf(region);
        oracle.writes(0, 5);
        MemorySegment firstOnly = copyOf(region);
        oracle.writes(1, 5);
        MemorySegment image = copyOf(region);
        assertThat(OracleCheck.deviation(shape, firstOnly)).isEmpty();
        assertThat(OracleCheck.deviation(shape, image)).isEmpty();
        for (long index = 0; index < shape.pagesOf(0); index++) {
            long offset = shape.offsetOf(0, index);
            image.asSlice(offset, PAGE_BYTES).copyFrom(early.asSlice(offset, PAGE_BYTES));
        }
        image.set(OraclePage.WORD, 0, early.get(OraclePage.WORD, 0));
        assertThat(OracleCheck.deviation(shape, image))
                .hasValueSatisfying(words -> assertThat(words).contains("names cause 55"));
    }

    private static long slotOffset(MemorySegment now, MemorySegment previous, long page, int slot) {
        for (long offset = 0; offset < PAGE_BYTES; offset += Long.BYTES) {
            if (now.get(OraclePage.WORD, page + offset) == OraclePage.slot(now, page, slot)
                    && now.get(OraclePage.WORD, page + offset)
                            != previous.get(OraclePage.WORD, offset)) {
                return offset;
            }
        }
        throw new AssertionError("store " + slot + " changed nothing");
    }

    /** Two instants of one run, some writes apart, neither in the middle of a write. */
    private final class Instants {
        final OracleShape shape;
        final MemorySegment region;
        final SimulatedOracle oracle;
        final MemorySegment earlier;
        final long earlierWrite;
        final MemorySegment later;

        Instants(int threads) {
            shape = new OracleShape(48 * PAGE_BYTES, threads, random.nextLong());
            region = emptyRegion(shape);
            oracle = new SimulatedOracle(shape, OracleMemory.of(region));
            writeAll(100);
            earlier = copyOf(region);
            earlierWrite = oracle.write(0);
            writeAll(5);
            later = copyOf(region);
            assertThat(OracleCheck.deviation(shape, earlier)).isEmpty();
            assertThat(OracleCheck.deviation(shape, later)).isEmpty();
        }

        boolean isNextWriteOfAThread(long offset) {
            for (int thread = 0; thread < shape.threads(); thread++) {
                if (oracle.offsetOfWrite(thread, earlierWrite + 1) == offset) {
                    return true;
                }
            }
            return false;
        }

        private void writeAll(int count) {
            for (int i = 0; i < count; i++) {
                for (int thread = 0; thread < shape.threads(); thread++) {
                    oracle.writes(thread, 1);
                }
            }
        }

        MemorySegment copyOfLater() {
            return copyOf(later);
        }

        MemorySegment copyOfEarlier() {
            return copyOf(earlier);
        }
    }

    private static MemorySegment emptyRegion(OracleShape shape) {
        return MemorySegment.ofArray(new long[Math.toIntExact(shape.sizeBytes() / Long.BYTES)]);
    }

    private static MemorySegment copyOf(MemorySegment region) {
        return MemorySegment.ofArray(new long[Math.toIntExact(region.byteSize() / Long.BYTES)])
                .copyFrom(region);
    }
}
