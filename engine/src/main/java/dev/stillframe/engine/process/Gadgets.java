package dev.stillframe.engine.process;

import dev.stillframe.engine.linux.ErrnoException;
import dev.stillframe.engine.linux.ProcessMemory;
import java.io.IOException;
import java.util.List;
import java.util.Optional;

/**
 * Two short pieces of the target's own code that an injected call runs on, so that nothing is ever
 * written over code.
 *
 * @param syscall address of {@code syscall}, followed by {@code ret} after nothing but clearing of
 *     argument registers
 * @param sigreturn address of {@code mov $15,%eax; syscall}: what a signal handler returns to
 */
record Gadgets(long syscall, long sigreturn) {
    private static final int MAX_CODE_BYTES = 64 << 20;

    /** Searches the target's executable mappings, those of the C library and the vdso first. */
    static Gadgets find(ProcessMemory memory, List<Mapping> mappings) throws IOException {
        List<Mapping> code =
                mappings.stream()
                        .filter(m -> m.protection().startsWith("r-x") && m.range().start() >= 0)
                        .filter(
                                m ->
                                        m.range().sizeBytes() <= MAX_CODE_BYTES
                                                && !m.name().equals("[vsyscall]"))
                        .sorted((a, b) -> Integer.compare(rank(a), rank(b)))
                        .toList();
        long syscall = 0;
        long sigreturn = 0;
        for (Mapping mapping : code) {
            byte[] bytes = read(memory, mapping).orElse(new byte[0]);
            syscall = syscall != 0 ? syscall : address(mapping, findSyscall(bytes));
            sigreturn = sigreturn != 0 ? sigreturn : address(mapping, findSigreturn(bytes));
            if (syscall != 0 && sigreturn != 0) {
                return new Gadgets(syscall, sigreturn);
            }
        }
        throw new TargetException(
                "the target's code has no "
                        + (syscall == 0 ? "`syscall; ret`" : "return from a signal handler")
                        + " to make the userfaultfd(2) call with; it links no C library that is known");
    }

    private static Optional<byte[]> read(ProcessMemory memory, Mapping mapping) {
        try {
            return Optional.of(
                    memory.read(mapping.range().start(), (int) mapping.range().sizeBytes()));
        } catch (ErrnoException e) {
            return Optional
                    .empty(); // unmapped since, or beyond the end of its file: another mapping will
            // do
        }
    }

    private static int rank(Mapping mapping) {
        String name = mapping.name();
        return name.contains("libc") || name.contains("ld-musl")
                ? 0
                : name.equals("[vdso]") ? 1 : 2;
    }

    private static long address(Mapping mapping, int offset) {
        return offset < 0 ? 0 : mapping.range().start() + offset;
    }

    private static int findSyscall(byte[] code) {
        for (int at = 0; at + 2 < code.length; at++) {
            if (code[at] == 0x0f && code[at + 1] == 0x05 && returnsAfterClearing(code, at + 2)) {
                return at;
            }
        }
        return -1;
    }

    /** Skips {@code xor %r,%r} of one register, which some kernels' vdso does before it returns. */
    private static boolean returnsAfterClearing(byte[] code, int from) {
        int at = from;
        while (at + 3 < code.length) {
            int prefix = code[at] == 0x45 ? 1 : 0;
            int operands = code[at + prefix + 1] & 0xff;
            boolean sameRegister = operands >= 0xc0 && (operands >> 3 & 7) == (operands & 7);
            boolean spared =
                    (prefix == 0 && (operands & 7) == 0) || (operands & 7) == 4; // not rax, not rsp
            if (code[at + prefix] != 0x31 || !sameRegister || spared) {
                break;
            }
            at += prefix + 2;
        }
        return at < code.length && code[at] == (byte) 0xc3;
    }

    private static int findSigreturn(byte[] code) {
        for (int at = 0; at + 8 < code.length; at++) {
            boolean shortForm = code[at] == (byte) 0xb8 && isNumberAndSyscall(code, at + 1);
            boolean longForm =
                    code[at] == 0x48
                            && code[at + 1] == (byte) 0xc7
                            && code[at + 2] == (byte) 0xc0
                            && isNumberAndSyscall(code, at + 3);
            if (shortForm || longForm) {
                return at;
            }
        }
        return -1;
    }

    private static boolean isNumberAndSyscall(byte[] code, int at) {
        return at + 5 < code.length
                && code[at] == 15
                && code[at + 1] == 0
                && code[at + 2] == 0
                && code[at + 3] == 0
                && code[at + 4] == 0x0f
                && code[at + 5] == 0x05;
    }
}
