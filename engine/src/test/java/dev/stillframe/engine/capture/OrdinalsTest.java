package dev.stillframe.engine.capture;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.memory.Extent;
import java.util.List;
import org.junit.jupiter.api.Test;

class OrdinalsTest {
    private static final long PAGE = Block.PAGE_BYTES;

    private final Ordinals ordinals = new Ordinals();

    private static AddressRange pages(long first, long end) {
        return new AddressRange(first * PAGE, end * PAGE);
    }

    private void cover(long first, long end) {
        ordinals.cover(first * PAGE, end * PAGE);
    }

    @Test
    void pagesAreNumberedAsTheyAreFound() {
        cover(10, 12);
        cover(20, 22);
        cover(5, 25);
        assertThat(ordinals.count()).isEqualTo(20);
        assertThat(ordinals.of(10 * PAGE)).isZero();
        assertThat(ordinals.of(20 * PAGE)).isEqualTo(2);
        assertThat(ordinals.of(5 * PAGE)).isEqualTo(4);
        assertThat(ordinals.of(12 * PAGE)).isEqualTo(9);
        assertThat(ordinals.of(24 * PAGE)).isEqualTo(19);
        assertThat(ordinals.isCovered(pages(5, 25))).isTrue();
        assertThat(ordinals.isCovered(pages(5, 26))).isFalse();
        assertThatThrownBy(() -> ordinals.of(25 * PAGE)).hasMessageContaining("no ordinal");
    }

    @Test
    void extentsAreCutWhereTheNumbersAre() {
        cover(10, 12);
        assertThat(ordinals.extents(pages(8, 30), List.of(pages(9, 13), pages(13, 15))))
                .containsExactly(new Extent(1, 1, 2), new Extent(2, 2, 0), new Extent(4, 3, 3));
        assertThat(ordinals.covered(pages(11, 14))).containsExactly(pages(11, 12), pages(12, 14));
    }

    @Test
    void whatWasCopiedIsKnownPageByPage() {
        cover(10, 20);
        cover(0, 10);
        ordinals.store(8 * PAGE, 12 * PAGE);
        assertThat(ordinals.firstStored(0, 30 * PAGE)).isEqualTo(8 * PAGE);
        assertThat(ordinals.firstNotStored(8 * PAGE, 30 * PAGE)).isEqualTo(12 * PAGE);
        assertThat(ordinals.firstStored(12 * PAGE, 30 * PAGE)).isEqualTo(30 * PAGE);
        assertThat(ordinals.firstNotStored(25 * PAGE, 30 * PAGE)).isEqualTo(25 * PAGE);
        assertThat(ordinals.firstNotStored(9 * PAGE, 11 * PAGE)).isEqualTo(11 * PAGE);
    }
}
