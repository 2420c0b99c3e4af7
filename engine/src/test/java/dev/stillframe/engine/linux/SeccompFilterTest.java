package dev.stillframe.engine.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.junit.jupiter.api.Test;

class SeccompFilterTest {
    private static final int LOAD = 0x20;
    private static final int JUMP_IF_EQUAL = 0x15;
    private static final int JUMP_IF_ANY_BIT = 0x45;
    private static final int AND = 0x54;
    private static final int RETURN = 0x06;
    private static final int ALLOW = 0x7fff0000;
    private static final int KILL_PROCESS = 0x80000000;
    private static final int ERRNO_EPERM = 0x00050001;
    private static final int FIRST_ARGUMENT = 16;

    private final ByteBuffer program = ByteBuffer.allocate(8 * 16).order(ByteOrder.LITTLE_ENDIAN);

    private SeccompFilterTest instruction(int code, int whenTrue, int whenFalse, int k) {
        program.putShort((short) code).put((byte) whenTrue).put((byte) whenFalse).putInt(k);
        return this;
    }

    private SeccompFilter filter() {
        byte[] instructions = new byte[program.flip().remaining()];
        program.get(instructions);
        return new SeccompFilter(instructions);
    }

    @Test
    void aDenyListHitsOnlyWhatItNames() {
        SeccompFilter filter =
                instruction(LOAD, 0, 0, 0)
                        .instruction(
                                JUMP_IF_EQUAL,
                                0,
                                1,
                                Syscall.USERFAULTFD.number(Architecture.CURRENT))
                        .instruction(RETURN, 0, 0, KILL_PROCESS)
                        .instruction(RETURN, 0, 0, ALLOW)
                        .filter();
        assertThat(filter.allows(Syscall.USERFAULTFD, 0)).isFalse();
        assertThat(filter.allows(Syscall.CLONE, 0)).isTrue();
    }

    @Test
    void anErrnoIsARefusalToo() {
        assertThat(instruction(RETURN, 0, 0, ERRNO_EPERM).filter().allows(Syscall.EXIT)).isFalse();
    }

    @Test
    void argumentsAreLookedAt() { // as a container's profile does with the flags of clone
        SeccompFilter filter =
                instruction(LOAD, 0, 0, FIRST_ARGUMENT)
                        .instruction(AND, 0, 0, 0x7E020000)
                        .instruction(JUMP_IF_ANY_BIT, 0, 1, 0x7E020000)
                        .instruction(RETURN, 0, 0, ERRNO_EPERM)
                        .instruction(RETURN, 0, 0, ALLOW)
                        .filter();
        assertThat(filter.allows(Syscall.CLONE, 0x100)).isTrue();
        assertThat(filter.allows(Syscall.CLONE, 0x10000000)).isFalse();
    }

    @Test
    void whatIsNoProgramIsNotJudged() {
        assertThatThrownBy(() -> instruction(0xffff, 0, 0, 0).filter().allows(Syscall.EXIT))
                .isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> new SeccompFilter(new byte[0]).allows(Syscall.EXIT))
                .isInstanceOf(IllegalStateException.class);
    }
}
