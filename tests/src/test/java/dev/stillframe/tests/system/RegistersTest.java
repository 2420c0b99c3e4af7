package dev.stillframe.tests.system;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.engine.instant.ThreadState;
import dev.stillframe.tests.image.MemoryImage;
import dev.stillframe.tests.target.ProcessFacts;
import dev.stillframe.tests.target.TargetProcess;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * The registers of 200 threads at T0, and that a snapshot does not change them. Offsets: {@code
 * struct user_regs_struct} and {@code struct user_i387_struct}, {@code
 * arch/x86/include/asm/user_64.h}; AVX state of the XSAVE area in standard format at 576, Intel SDM
 * volume 1, 13.4.3.
 */
@Timeout(120)
class RegistersTest {
    private static final int R12 = 24;
    private static final int ST0 = 32;
    private static final int XMM6 = 160 + 6 * 16;
    private static final int YMM6_HIGH = 576 + 6 * 16;

    @Test
    void everyThreadHasItsValues() throws Exception {
        try (TargetProcess target = TargetProcess.startNative("threads200", List.of())) {
            target.awaitReady();
            for (int turn = 0;
                    turn < 3;
                    turn++) { // the second and third see what the one before left
                MemoryImage image = new MemoryImage();
                try {
                    Snapshots.take(target.pid(), image);
                    List<ThreadState> threads = image.layout().threads();
                    assertThat(threads).hasSize(201);
                    assertThat(threads.getFirst().tid()).isEqualTo(target.pid());
                    threads.stream().skip(1).forEach(RegistersTest::checkValues);
                    assertThat(image.ending().missing()).isEmpty();
                } finally {
                    image.free();
                }
                assertThat(new ProcessFacts(target.pid()).signals()).hasSize(201);
            }
        }
    }

    private static void checkValues(ThreadState thread) {
        assertThat(thread.name()).startsWith("held-");
        long number = Long.parseLong(thread.name().substring("held-".length()));
        ByteBuffer general = littleEndian(thread.general());
        ByteBuffer floating = littleEndian(thread.floating());
        ByteBuffer extended = littleEndian(thread.extended());
        assertThat(general.getLong(R12))
                .as("r12 of %s", thread.name())
                .isEqualTo(0x5717000000000000L + number);
        assertThat(floating.getLong(XMM6)).as("xmm6").isEqualTo(0x1111000000000000L + number);
        assertThat(floating.getLong(XMM6 + 8)).as("xmm6").isEqualTo(0x2222000000000000L + number);
        assertThat(extended(floating, ST0)).as("st(0)").isEqualTo(number);
        assertThat(extended.getLong(YMM6_HIGH)).as("ymm6").isEqualTo(0x3333000000000000L + number);
        assertThat(extended.getLong(YMM6_HIGH + 8))
                .as("ymm6")
                .isEqualTo(0x4444000000000000L + number);
    }

    /** An 80-bit number with an explicit leading one, as a long; only small whole numbers here. */
    private static long extended(ByteBuffer bytes, int at) {
        long significand = bytes.getLong(at);
        int exponent = (bytes.getShort(at + 8) & 0x7fff) - 16383;
        return significand == 0 ? 0 : significand >>> (63 - exponent);
    }

    private static ByteBuffer littleEndian(byte[] bytes) {
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }
}
