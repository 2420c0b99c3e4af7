package dev.stillframe.engine.linux;

/**
 * System calls by number. Sources: {@code arch/x86/entry/syscalls/syscall_64.tbl} and {@code
 * include/uapi/asm-generic/unistd.h} (which aarch64 uses) of Linux 6.12.
 */
public enum Syscall {
    /** read(2). */
    READ(0, 63),
    /** write(2). */
    WRITE(1, 64),
    /** close(2). */
    CLOSE(3, 57),
    /** lseek(2). */
    LSEEK(8, 62),
    /** mmap(2). */
    MMAP(9, 222),
    /** munmap(2). */
    MUNMAP(11, 215),
    /** rt_sigreturn(2). */
    RT_SIGRETURN(15, 139),
    /** ioctl(2). */
    IOCTL(16, 29),
    /** pread64(2). */
    PREAD64(17, 67),
    /** madvise(2). */
    MADVISE(28, 233),
    /** sendmsg(2). */
    SENDMSG(46, 211),
    /** clone(2). */
    CLONE(56, 220),
    /** exit(2): of the calling thread only. */
    EXIT(60, 93),
    /** wait4(2). */
    WAIT4(61, 260),
    /** ftruncate(2). */
    FTRUNCATE(77, 46),
    /** fallocate(2). */
    FALLOCATE(285, 47),
    /** waitid(2). */
    WAITID(247, 95),
    /** ptrace(2). */
    PTRACE(101, 117),
    /** getpriority(2). */
    GETPRIORITY(140, 141),
    /** clock_gettime(2). */
    CLOCK_GETTIME(228, 113),
    /** setpriority(2). */
    SETPRIORITY(141, 140),
    /** prctl(2). */
    PRCTL(157, 167),
    /** gettid(2). */
    GETTID(186, 178),
    /** openat(2). */
    OPENAT(257, 56),
    /** ppoll(2). */
    PPOLL(271, 73),
    /** get_robust_list(2). */
    GET_ROBUST_LIST(274, 100),
    /** move_pages(2). */
    MOVE_PAGES(279, 239),
    /** process_vm_readv(2). */
    PROCESS_VM_READV(310, 270),
    /** process_vm_writev(2). */
    PROCESS_VM_WRITEV(311, 271),
    /** memfd_create(2). */
    MEMFD_CREATE(319, 279),
    /** clone3(2). */
    CLONE3(435, 435),
    /** kcmp(2). */
    KCMP(312, 272),
    /** userfaultfd(2). */
    USERFAULTFD(323, 282),
    /** pidfd_open(2). */
    PIDFD_OPEN(434, 434),
    /** process_madvise(2). */
    PROCESS_MADVISE(440, 440),
    /** dup3(2). */
    DUP3(292, 24),
    /** pidfd_getfd(2). */
    PIDFD_GETFD(438, 438);

    private final int x86Number;
    private final int armNumber;

    Syscall(int x86Number, int armNumber) {
        this.x86Number = x86Number;
        this.armNumber = armNumber;
    }

    /** The number on {@code machine}. */
    public int number(Architecture machine) {
        return switch (machine) {
            case X86_64 -> x86Number;
            case AARCH64 -> armNumber;
        };
    }
}
