package dev.stillframe.engine.instant;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HexFormat;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Whoever computes it, the hash of a page is one and the same: it is in images and on the wire. */
class PageHashTest {
    private final long seed = System.nanoTime();
    private final Random random = new Random(seed);

    @Test
    void theLibraryIsUsedWhereItIs() {
        assertThat(SystemXxHash.isAvailable()).as("libxxhash0 is installed").isTrue();
    }

    @Test
    void bothWaysGiveTheSame() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment memory = arena.allocate(1 << 17, 4096);
            MemorySegment hashes = arena.allocate(2 * PageHash.BYTES, Long.BYTES);
            for (int round = 0; round < 2000; round++) {
                byte[] bytes = new byte[1 + random.nextInt(1 << 17)];
                random.nextBytes(bytes);
                MemorySegment.copy(bytes, 0, memory, ValueLayout.JAVA_BYTE, 0, bytes.length);
                int offset = random.nextInt(bytes.length);
                new PageHash(true).hash(memory, offset, bytes.length - offset, hashes, 0);
                new PageHash(false)
                        .hash(memory, offset, bytes.length - offset, hashes, PageHash.BYTES);
                assertThat(
                                hashes.asSlice(0, PageHash.BYTES)
                                        .mismatch(hashes.asSlice(PageHash.BYTES)))
                        .as("seed %d, round %d", seed, round)
                        .isEqualTo(-1);
            }
        }
    }

    /** From IMAGE.md: a page of ones. */
    @Test
    void aPageOfOnesHasTheDocumentedHash() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment page = arena.allocate(4096, 4096).fill((byte) 1);
            MemorySegment hash = arena.allocate(PageHash.BYTES, Long.BYTES);
            new PageHash().hash(page, 0, 4096, hash, 0);
            assertThat(HexFormat.of().formatHex(hash.toArray(ValueLayout.JAVA_BYTE)))
                    .isEqualTo("d8fc4d31a9d8d440556a649ec73d6d78");
        }
    }
}
