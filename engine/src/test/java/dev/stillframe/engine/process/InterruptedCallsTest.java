package dev.stillframe.engine.process;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.engine.linux.Architecture;
import dev.stillframe.engine.process.Registers.X86;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class InterruptedCallsTest {
    private static final int EINTR = -4;
    private static final int RESTART = -514;

    /** Number, what it returns, and the third and fourth argument. */
    @ParameterizedTest
    @CsvSource({
        "232, 1, -1", // epoll_wait
        "281, 1, -1", // epoll_pwait
        "441, 1, 0", // epoll_pwait2
        "220, 1, 0", // semtimedop
        "65, 1, 77", // semop
        "128, 0, 8" // rt_sigtimedwait
    })
    void waitsWithoutALimitAreMadeAgain(int number, long third, long fourth) {
        Registers registers = registers(number, EINTR, third, fourth);
        assertThat(InterruptedCalls.restart(registers)).isTrue();
        assertThat(registers.get(X86.RAX)).isEqualTo(RESTART);
    }

    /** A limit would begin anew. */
    @ParameterizedTest
    @CsvSource({"232, 1, 100", "281, 1, 0", "441, 1, 4096", "220, 1, 4096", "128, 4096, 8"})
    void waitsWithALimitReturn(int number, long third, long fourth) {
        Registers registers = registers(number, EINTR, third, fourth);
        assertThat(InterruptedCalls.restart(registers)).isFalse();
        assertThat(registers.get(X86.RAX)).isEqualTo(EINTR);
    }

    @Test
    void onlyWhatWasInterruptedIsMadeAgain() {
        assertThat(InterruptedCalls.restart(registers(232, 1, 1, -1)))
                .as("it has an event")
                .isFalse();
        assertThat(InterruptedCalls.restart(registers(-1, EINTR, 1, -1)))
                .as("it is in no call")
                .isFalse();
        assertThat(InterruptedCalls.restart(registers(0, EINTR, 1, -1))).as("read(2)").isFalse();
    }

    private static Registers registers(long number, long result, long third, long fourth) {
        return new Registers(new byte[216], Architecture.X86_64)
                .set(X86.ORIG_RAX, number)
                .set(X86.RAX, result)
                .set(X86.RDX, third)
                .set(X86.R10, fourth);
    }
}
