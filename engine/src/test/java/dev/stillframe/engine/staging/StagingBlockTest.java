package dev.stillframe.engine.staging;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;

class StagingBlockTest {
    private final StagingBlock block =
            new StagingBlock(Arena.ofAuto().allocate(StagingBlock.BYTES, StagingBlock.PAGE_BYTES));

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
    void zerosAtTheEndAreSeen() {
        block.add(0x10000, 3);
        block.memory().set(ValueLayout.JAVA_BYTE, StagingBlock.PAGE_BYTES - 1, (byte) 1);
        assertThat(block.endsInZeros(2)).isTrue();
        assertThat(block.endsInZeros(3)).isFalse();
        block.memory().set(ValueLayout.JAVA_BYTE, 3 * StagingBlock.PAGE_BYTES - 1, (byte) 1);
        assertThat(block.endsInZeros(1)).isFalse();
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

    @Test
    void whatIsKeptMovesUp() {
        block.add(0x10000, 1);
        block.add(0x20000, 3);
        for (int page = 0; page < 4; page++) {
            block.memory()
                    .set(ValueLayout.JAVA_BYTE, (long) page * StagingBlock.PAGE_BYTES, (byte) page);
        }
        block.drop(4); // across two runs
        block.keep(1, 0x20000);
        block.keep(3, 0x22000);
        assertThat(block.runs()).isEqualTo(2);
        assertThat(block.address(1)).isEqualTo(0x22000);
        assertThat(block.memory().get(ValueLayout.JAVA_BYTE, 0)).isEqualTo((byte) 1);
        assertThat(block.memory().get(ValueLayout.JAVA_BYTE, StagingBlock.PAGE_BYTES))
                .isEqualTo((byte) 3);
        assertThat(block.used()).isEqualTo(2);
    }
}
