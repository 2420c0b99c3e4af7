package dev.stillframe.engine.linux;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * A classic BPF program as seccomp(2) runs it, so that we know beforehand what a filter would do
 * with a call. Instruction codes: {@code include/uapi/linux/bpf_common.h}; the subset that the
 * kernel's {@code seccomp_check_filter} admits. Immutable.
 */
public final class SeccompFilter {
    private static final int RET_ALLOW = 0x7fff0000;
    private static final int RET_LOG = 0x7ffc0000;
    private static final int ACTION_MASK = 0xffff0000;
    private static final int AUDIT_ARCH_X86_64 = 0xc000003e;
    private static final int AUDIT_ARCH_AARCH64 = 0xc00000b7;
    private static final int DATA_BYTES = 64;
    private static final int MEMORY_WORDS = 16;

    private final ByteBuffer program;

    /** {@code instructions} is an array of {@code struct sock_filter}. */
    public SeccompFilter(byte[] instructions) {
        this.program = ByteBuffer.wrap(instructions.clone()).order(ByteOrder.LITTLE_ENDIAN);
    }

    /** Whether the filter lets the call through untouched. */
    public boolean allows(Syscall call, long... arguments) {
        ByteBuffer data = ByteBuffer.allocate(DATA_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        data.putInt(call.number(Architecture.CURRENT));
        data.putInt(
                Architecture.CURRENT == Architecture.X86_64
                        ? AUDIT_ARCH_X86_64
                        : AUDIT_ARCH_AARCH64);
        data.putLong(
                0); // the instruction pointer: filters that depend on it do not exist in practice
        for (long argument : arguments) {
            data.putLong(argument);
        }
        int action = run(data) & ACTION_MASK;
        return action == RET_ALLOW || action == RET_LOG;
    }

    private int run(ByteBuffer data) {
        int[] memory = new int[MEMORY_WORDS];
        int accumulator = 0;
        int index = 0;
        // Jumps only go forward, so this ends.
        for (int at = 0; at < program.capacity() / 8; at++) {
            int code = program.getShort(at * 8) & 0xffff;
            int jumpTrue = program.get(at * 8 + 2) & 0xff;
            int jumpFalse = program.get(at * 8 + 3) & 0xff;
            int k = program.getInt(at * 8 + 4);
            switch (code) {
                case 0x20 -> accumulator = data.getInt(k); // ld [k]
                case 0x00 -> accumulator = k;
                case 0x80 -> accumulator = DATA_BYTES; // ld #len
                case 0x60 -> accumulator = memory[k];
                case 0x01 -> index = k;
                case 0x81 -> index = DATA_BYTES;
                case 0x61 -> index = memory[k];
                case 0x02 -> memory[k] = accumulator;
                case 0x03 -> memory[k] = index;
                case 0x07 -> index = accumulator;
                case 0x87 -> accumulator = index;
                case 0x05 -> at += k; // ja
                case 0x06 -> {
                    return k;
                }
                case 0x16 -> {
                    return accumulator;
                }
                default -> {
                    int operand = (code & 0x08) != 0 ? index : k;
                    switch (code & 0x07) {
                        case 0x04 -> accumulator = compute(code & 0xf0, accumulator, operand);
                        case 0x05 ->
                                at +=
                                        jumps(code & 0xf0, accumulator, operand)
                                                ? jumpTrue
                                                : jumpFalse;
                        default ->
                                throw new IllegalStateException(
                                        "seccomp instruction 0x" + Integer.toHexString(code));
                    }
                }
            }
        }
        throw new IllegalStateException("seccomp filter without a return");
    }

    private static int compute(int operation, int left, int right) {
        return switch (operation) {
            case 0x00 -> left + right;
            case 0x10 -> left - right;
            case 0x20 -> left * right;
            case 0x30 -> right == 0 ? 0 : Integer.divideUnsigned(left, right);
            case 0x40 -> left | right;
            case 0x50 -> left & right;
            case 0x60 -> left << right;
            case 0x70 -> left >>> right;
            case 0x80 -> -left;
            case 0x90 -> right == 0 ? 0 : Integer.remainderUnsigned(left, right);
            case 0xa0 -> left ^ right;
            default ->
                    throw new IllegalStateException(
                            "seccomp operation 0x" + Integer.toHexString(operation));
        };
    }

    private static boolean jumps(int condition, int left, int right) {
        return switch (condition) {
            case 0x10 -> left == right;
            case 0x20 -> Integer.compareUnsigned(left, right) > 0;
            case 0x30 -> Integer.compareUnsigned(left, right) >= 0;
            case 0x40 -> (left & right) != 0;
            default ->
                    throw new IllegalStateException(
                            "seccomp jump 0x" + Integer.toHexString(condition));
        };
    }
}
