package dev.stillframe.engine.process;

import dev.stillframe.engine.linux.Architecture;
import dev.stillframe.engine.linux.Syscall;
import dev.stillframe.engine.process.Registers.X86;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * What a call of clone(2), clone3(2) or fork(2) makes, by the registers of the thread that is in
 * it, or of the thread that it made, which begins with the same ones. Immutable.
 *
 * @param sharesMemory whether it has the maker's memory
 * @param isThread whether it belongs to the maker's process
 * @param exitWord see {@link ExitWord}
 */
record CloneCall(boolean sharesMemory, boolean isThread, long exitWord) {
    private static final long CLONE_VM = 0x100;
    private static final long CLONE_THREAD = 0x10000;
    private static final long CLONE_CHILD_CLEARTID = 0x200000;
    private static final int CHILD_TID_OFFSET = 16; // struct clone_args, include/uapi/linux/sched.h
    private static final int ARGUMENTS_BYTES = 24;

    /** The registers must be those of a stop at which the maker has not come back from the call. */
    static CloneCall of(Registers registers, Target memory) throws IOException {
        long number = registers.get(X86.ORIG_RAX);
        if (number == Syscall.CLONE.number(Architecture.X86_64)) {
            return of(registers.get(X86.RDI), registers.get(X86.R10));
        }
        if (number == Syscall.CLONE3.number(Architecture.X86_64)) {
            byte[] read = memory.read(registers.get(X86.RDI), ARGUMENTS_BYTES);
            ByteBuffer arguments = ByteBuffer.wrap(read).order(ByteOrder.LITTLE_ENDIAN);
            return of(arguments.getLong(0), arguments.getLong(CHILD_TID_OFFSET));
        }
        return new CloneCall(false, false, ExitWord.NONE); // fork(2)
    }

    private static CloneCall of(long flags, long childTid) {
        return new CloneCall(
                (flags & CLONE_VM) != 0,
                (flags & CLONE_THREAD) != 0,
                (flags & CLONE_CHILD_CLEARTID) != 0 ? childTid : ExitWord.NONE);
    }
}
