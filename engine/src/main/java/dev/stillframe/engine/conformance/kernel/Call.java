package dev.stillframe.engine.conformance.kernel;

/**
 * System calls that actors make, by their x86-64 numbers: {@code
 * arch/x86/entry/syscalls/syscall_64.tbl}, Linux 6.12.
 */
enum Call {
    READ(0),
    WRITE(1),
    OPEN(2),
    CLOSE(3),
    POLL(7),
    MMAP(9),
    MPROTECT(10),
    MUNMAP(11),
    RT_SIGACTION(13),
    IOCTL(16),
    PREAD(17),
    PWRITE(18),
    MREMAP(25),
    MADVISE(28),
    DUP(32),
    DUP2(33),
    EXECVE(59),
    EXIT(60),
    WAIT4(61),
    KILL(62),
    FTRUNCATE(77),
    PTRACE(101),
    MLOCK(149),
    MUNLOCK(150),
    GETTID(186),
    FUTEX(202),
    EXIT_GROUP(231),
    TGKILL(234),
    SET_ROBUST_LIST(273),
    VMSPLICE(278),
    FALLOCATE(285),
    PIPE2(293),
    PROCESS_VM_READV(310),
    PROCESS_VM_WRITEV(311),
    MEMFD_CREATE(319),
    USERFAULTFD(323),
    IO_URING_SETUP(425),
    IO_URING_ENTER(426),
    IO_URING_REGISTER(427),
    PIDFD_OPEN(434),
    PIDFD_GETFD(438);

    private final int number;

    Call(int number) {
        this.number = number;
    }

    int number() {
        return number;
    }
}
