package dev.stillframe.engine.image;

/**
 * What a core file of a machine looks like. Sizes of the register sets are those of the kernel's
 * ptrace(2) regsets.
 */
enum ElfMachine {
    /** {@code EM_X86_64} of elf.h; {@code struct user_regs_struct} and the FXSAVE image. */
    X86_64("x86_64", 62, 216, 512),
    /**
     * {@code EM_AARCH64} of elf.h; {@code struct user_pt_regs} and {@code struct
     * user_fpsimd_state}.
     */
    AARCH64("aarch64", 183, 272, 528);

    private final String unameMachine;
    private final int number;
    private final int generalBytes;
    private final int floatingBytes;

    ElfMachine(String unameMachine, int number, int generalBytes, int floatingBytes) {
        this.unameMachine = unameMachine;
        this.number = number;
        this.generalBytes = generalBytes;
        this.floatingBytes = floatingBytes;
    }

    /**
     * The machine that {@code uname -m} calls so.
     *
     * @throws ImageFormatException if core files of it are not known here
     */
    static ElfMachine of(String unameMachine) throws ImageFormatException {
        for (ElfMachine machine : values()) {
            if (machine.unameMachine.equals(unameMachine)) {
                return machine;
            }
        }
        throw new ImageFormatException(
                "no core file can be made for the machine '" + unameMachine + "'");
    }

    /** {@code e_machine}. */
    int number() {
        return number;
    }

    /** Bytes of {@code elf_gregset_t}. */
    int generalBytes() {
        return generalBytes;
    }

    /** Bytes of {@code elf_fpregset_t}. */
    int floatingBytes() {
        return floatingBytes;
    }

    /**
     * Bytes of {@code struct elf_prstatus}, which ends with the registers and an int, aligned to 8.
     */
    int statusBytes() {
        return (ElfNotes.STATUS_REGISTERS_AT + generalBytes + Integer.BYTES + 7) / 8 * 8;
    }
}
