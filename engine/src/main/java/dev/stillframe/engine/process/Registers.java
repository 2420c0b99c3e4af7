package dev.stillframe.engine.process;

import dev.stillframe.engine.linux.Architecture;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * The general registers of a stopped thread by role, over the kernel's {@code NT_PRSTATUS} layout.
 * Sources: {@code struct user_regs_struct} of {@code arch/x86/include/asm/user_64.h}, {@code struct
 * user_pt_regs} of {@code arch/arm64/include/uapi/asm/ptrace.h}. Not thread-safe.
 */
final class Registers {
    private static final int X86_BYTES = 216;
    private static final int ARM_BYTES = 272;

    private final ByteBuffer values;
    private final Architecture machine;

    Registers(byte[] values, Architecture machine) {
        int expected = machine == Architecture.X86_64 ? X86_BYTES : ARM_BYTES;
        if (values.length != expected) {
            throw new IllegalArgumentException("general registers of " + values.length + " bytes");
        }
        this.values = ByteBuffer.wrap(values.clone()).order(ByteOrder.LITTLE_ENDIAN);
        this.machine = machine;
    }

    Registers copy() {
        return new Registers(values.array(), machine);
    }

    byte[] bytes() {
        return values.array().clone();
    }

    long get(X86 register) {
        return values.getLong(register.offset);
    }

    Registers set(X86 register, long value) {
        values.putLong(register.offset, value);
        return this;
    }

    long stackPointer() {
        return values.getLong(
                switch (machine) {
                    case X86_64 -> X86.RSP.offset;
                    case AARCH64 -> 248;
                });
    }

    /**
     * Where the thread's control block is: FS base; 0 on aarch64, whose thread pointer is another
     * register set.
     */
    long threadPointer() {
        return switch (machine) {
            case X86_64 -> get(X86.FS_BASE);
            case AARCH64 -> 0;
        };
    }

    /** The registers of x86-64 that an injected call needs by name. */
    enum X86 {
        R15(0),
        R14(8),
        R13(16),
        R12(24),
        RBP(32),
        RBX(40),
        R11(48),
        R10(56),
        R9(64),
        R8(72),
        RAX(80),
        RCX(88),
        RDX(96),
        RSI(104),
        RDI(112),
        ORIG_RAX(120),
        RIP(128),
        CS(136),
        EFLAGS(144),
        RSP(152),
        SS(160),
        FS_BASE(168);

        private final int offset;

        X86(int offset) {
            this.offset = offset;
        }
    }
}
