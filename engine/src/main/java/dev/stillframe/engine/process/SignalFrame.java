package dev.stillframe.engine.process;

import dev.stillframe.engine.linux.Architecture;
import dev.stillframe.engine.linux.Syscall;
import dev.stillframe.engine.process.Registers.X86;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * A frame as the kernel pushes it for a signal, from which rt_sigreturn(2) loads every register at
 * once: {@code struct rt_sigframe} of {@code arch/x86/include/asm/sigframe.h} and {@code struct
 * sigcontext_64} of {@code arch/x86/include/uapi/asm/sigcontext.h}.
 */
final class SignalFrame {
    /** Bytes of a frame without the floating-point state, a multiple of 8. */
    static final int BYTES = 440;

    private static final long UC_FP_XSTATE = 1;
    private static final long UC_SIGCONTEXT_SS = 2;
    private static final long UC_STRICT_RESTORE_SS = 4;
    private static final int SIGCONTEXT = 48;
    private static final int SIGMASK = 304;
    private static final int FP_MAGIC1 = 0x46505853;
    private static final int FP_MAGIC2 = 0x46505845;
    private static final int FP_SOFTWARE_BYTES = 464;
    private static final int XSAVE_FEATURES = 512;
    private static final int AMX_START =
            2752; // tile configuration; present only in threads that asked for it
    private static final int AMX_STANDARD_BYTES = 2696;
    private static final long AMX_FEATURES = 3L << 17;

    private static final X86[] ORDER = {
        X86.R8,
        X86.R9,
        X86.R10,
        X86.R11,
        X86.R12,
        X86.R13,
        X86.R14,
        X86.R15,
        X86.RDI,
        X86.RSI,
        X86.RBP,
        X86.RBX,
        X86.RDX,
        X86.RAX,
        X86.RCX,
        X86.RSP,
        X86.RIP,
        X86.EFLAGS
    };

    private SignalFrame() {}

    /**
     * Puts a frame at the buffer's position.
     *
     * @param trampoline address of code that calls rt_sigreturn: the frame's return address
     * @param registers what the thread continues with
     * @param signalMask what it has blocked then
     * @param floatingAddress where the floating-point state is, 0 for none
     */
    static void put(
            ByteBuffer out,
            long trampoline,
            Registers registers,
            long signalMask,
            long floatingAddress) {
        int base = out.position();
        out.put(new byte[BYTES]).position(base);
        out.putLong(trampoline);
        out.putLong(UC_FP_XSTATE | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS);
        // An impossible flag in uc_stack: the kernel then leaves the alternate stack as it is.
        out.putInt(base + 32, 4);
        out.position(base + SIGCONTEXT);
        for (X86 register : ORDER) {
            out.putLong(registers.get(register));
        }
        out.putShort((short) registers.get(X86.CS));
        out.putShort((short) 0);
        out.putShort((short) 0);
        out.putShort((short) registers.get(X86.SS));
        out.putLong(base + SIGCONTEXT + 184, floatingAddress);
        out.putLong(base + SIGMASK, signalMask);
        out.position(base + BYTES);
    }

    /** The extended state as ptrace gives it, made into what rt_sigreturn accepts. */
    static byte[] floatingState(byte[] xstate) {
        ByteBuffer in = ByteBuffer.wrap(xstate).order(ByteOrder.LITTLE_ENDIAN);
        int size = xstate.length;
        if (size > AMX_START && (in.getLong(XSAVE_FEATURES) & AMX_FEATURES) == 0) {
            size = AMX_STANDARD_BYTES;
        }
        long features = in.getLong(FP_SOFTWARE_BYTES); // ptrace puts XCR0 there
        ByteBuffer out = ByteBuffer.allocate(size + Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        out.put(xstate, 0, size);
        out.putInt(FP_SOFTWARE_BYTES, FP_MAGIC1);
        out.putInt(FP_SOFTWARE_BYTES + 4, size + Integer.BYTES);
        out.putLong(
                FP_SOFTWARE_BYTES + 8, size == xstate.length ? features : features & ~AMX_FEATURES);
        out.putInt(FP_SOFTWARE_BYTES + 16, size);
        out.putInt(FP_MAGIC2);
        return out.array();
    }

    /**
     * The registers with which an interrupted thread continues when no tracer is there to let the
     * kernel restart its system call: the call is made again from its beginning.
     */
    static Registers restarted(Registers interrupted) {
        long number = interrupted.get(X86.ORIG_RAX);
        long result = interrupted.get(X86.RAX);
        Registers registers = interrupted.copy();
        // ERESTARTSYS, ERESTARTNOINTR, ERESTARTNOHAND, ERESTART_RESTARTBLOCK: include/linux/errno.h
        boolean restarts = result == -512 || result == -513 || result == -514 || result == -516;
        if (number >= 0 && restarts) {
            registers.set(X86.RAX, number).set(X86.RIP, interrupted.get(X86.RIP) - 2);
        }
        return registers.set(X86.ORIG_RAX, -1);
    }

    /** Registers that make {@code call} at {@code gadget}. */
    static Registers calling(Registers base, Syscall call, long gadget, long... arguments) {
        X86[] places = {X86.RDI, X86.RSI, X86.RDX, X86.R10, X86.R8, X86.R9};
        Registers registers = base.copy();
        for (int i = 0; i < places.length; i++) {
            registers.set(places[i], i < arguments.length ? arguments[i] : 0);
        }
        return registers
                .set(X86.RAX, call.number(Architecture.X86_64))
                .set(X86.ORIG_RAX, -1)
                .set(X86.RIP, gadget);
    }
}
