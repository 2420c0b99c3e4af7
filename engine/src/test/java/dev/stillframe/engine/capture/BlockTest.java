package dev.stillframe.engine.capture;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.memory.RegionKind;
import java.util.List;
import org.junit.jupiter.api.Test;

class BlockTest {
    private static final long START = 7 * Block.BYTES;

    private static TrackedMapping mapping(long start, long end) {
        return new TrackedMapping(
                new AddressRange(start, end), RegionKind.ANONYMOUS, null, start, "");
    }

    @Test
    void aClaimHasOneOwner() {
        Block block = new Block(START);
        block.set(3, Claim.CLEAN);
        assertThat(block.move(3, Claim.CLEAN, Claim.COPYING)).isTrue();
        assertThat(block.move(3, Claim.CLEAN, Claim.COPYING)).isFalse();
        assertThat(block.claim(3)).isEqualTo(Claim.COPYING);
    }

    @Test
    void aRunEndsWhereSomebodyElseOwnsAPage() {
        Block block = new Block(START);
        block.setRun(0, 10, Claim.CLEAN);
        block.set(4, Claim.COPYING);
        assertThat(block.moveRun(0, 10, Claim.CLEAN, Claim.COPYING)).isEqualTo(4);
        assertThat(block.claim(5)).isEqualTo(Claim.CLEAN);
    }

    @Test
    void aMappingCoversItsPartOfTheBlock() {
        Block block = new Block(START);
        block.add(mapping(START - 4096, START + 3 * 4096).piece(block));
        block.add(mapping(START + 10 * 4096, START + 2 * Block.BYTES).piece(block));
        assertThat(block.piece(2).firstPage()).isZero();
        assertThat(block.piece(511).firstPage()).isEqualTo(10);
        assertThatThrownBy(() -> block.piece(5)).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void unmappingTheMiddleLeavesBothEnds() {
        Block block = new Block(START);
        block.add(mapping(START, START + Block.BYTES).piece(block));
        block.remove(100, 200);
        assertThat(block.pieces()).extracting(Piece::firstPage).containsExactly(0, 200);
        assertThat(block.pieces()).extracting(Piece::endPage).containsExactly(100, Block.PAGES);
    }

    @Test
    void theTableFindsBlocksByAnyAddressInThem() {
        BlockTable table = new BlockTable();
        Block block = new Block(START);
        table.add(List.of(block, new Block(START + 5 * Block.BYTES)));
        assertThat(table.find(START + Block.BYTES - 1)).isSameAs(block);
        assertThat(table.find(START + Block.BYTES)).isNull();
        assertThat(table.within(START + 4096, START + 5 * Block.BYTES)).containsExactly(block);
        assertThat(table.within(START + Block.BYTES, START + 6 * Block.BYTES)).hasSize(1);
    }

    @Test
    void onlyLaterDiscardsOfTheSameMemoryCount() {
        Discards discards = new Discards();
        discards.add(new AddressRange(START, START + 4096));
        long mark = discards.mark();
        assertThat(discards.since(mark, START, START + 4096)).isFalse();
        discards.add(new AddressRange(START + 8192, START + 12288));
        assertThat(discards.since(mark, START, START + 8192)).isFalse();
        assertThat(discards.since(mark, START + 4096, START + 8193)).isTrue();
    }

    @Test
    void aStormOfDiscardsHidesNothing() {
        Discards discards = new Discards();
        AddressRange stormed = new AddressRange(START, START + 4096);
        AddressRange other = new AddressRange(START + 4096, START + 8192);
        discards.add(stormed);
        long mark = discards.mark();
        discards.add(other);
        for (int i = 0; i < 100_000; i++) {
            discards.add(stormed);
        }
        assertThat(discards.since(mark, other.start(), other.end())).isTrue();
        assertThat(discards.since(mark + 1, other.start(), other.end())).isFalse();
        assertThat(discards.since(discards.mark() - 1, START, START + 4096)).isTrue();
        assertThat(discards.since(discards.mark(), START, START + 4096)).isFalse();
        assertThat(discards.since(0, START + 8192, START + 12288)).isFalse();
    }

    @Test
    void whoLooksBackTooFarMustExpectAnything() {
        Discards discards = new Discards();
        for (int i = 0; i < 100_000; i++) {
            discards.add(new AddressRange(START + i * 4096L, START + (i + 1) * 4096L));
        }
        assertThat(discards.since(0, START - 4096, START)).isTrue();
        assertThat(discards.since(discards.mark() - 10_000, START - 4096, START)).isFalse();
        assertThat(
                        discards.since(
                                discards.mark() - 10_000,
                                START + 95_000 * 4096L,
                                START + 95_001 * 4096L))
                .isTrue();
    }
}
