package dev.stillframe.engine.staging;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import org.junit.jupiter.api.Test;

class StagingBlockTest {
    private final StagingBlock block = new StagingBlock(Arena.ofAuto().allocate(StagingBlock.BYTES, StagingBlock.PAGE_BYTES));

    @Test
    void neighboursBecomeOneRun() {
        block.add(0x10000, 2);
        block.add(0x12000, 3);
        assertThat(block.runs()).isEqualTo(1);
        assertThat(block.pages(0)).isEqualTo(5);
        assertThat(block.room()).isEqualTo(StagingBlock.PAGES - 5);
    }

    @Test
    void strangersStayApartAndKeepTheirPlace() {
        block.add(0x10000, 2);
        block.add(0x20000, 1);
        assertThat(block.runs()).isEqualTo(2);
        assertThat(block.address(1)).isEqualTo(0x20000);
        assertThat(block.offset(1)).isEqualTo(2 * StagingBlock.PAGE_BYTES);
    }

    @Test
    void whatIsDroppedLeavesNoTrace() {
        block.add(0x10000, 2);
        block.add(0x12000, 3);
        block.drop(3);
        assertThat(block.pages(0)).isEqualTo(2);
        block.drop(2);
        assertThat(block.isEmpty()).isTrue();
        assertThat(block.room()).isEqualTo(StagingBlock.PAGES);
    }
}
