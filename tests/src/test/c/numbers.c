/* System call numbers as the C library of this machine has them, one "NAME number" a line. */
#include <stdio.h>
#include <sys/syscall.h>

#define SHOW(name, number) printf("%s %ld\n", name, (long)(number))

int main(void) {
    SHOW("READ", SYS_read);
    SHOW("WRITE", SYS_write);
    SHOW("CLOSE", SYS_close);
    SHOW("LSEEK", SYS_lseek);
    SHOW("MMAP", SYS_mmap);
    SHOW("MUNMAP", SYS_munmap);
    SHOW("RT_SIGRETURN", SYS_rt_sigreturn);
    SHOW("IOCTL", SYS_ioctl);
    SHOW("PREAD64", SYS_pread64);
    SHOW("MADVISE", SYS_madvise);
    SHOW("SENDMSG", SYS_sendmsg);
    SHOW("CLONE", SYS_clone);
    SHOW("EXIT", SYS_exit);
    SHOW("WAIT4", SYS_wait4);
    SHOW("FTRUNCATE", SYS_ftruncate);
    SHOW("FALLOCATE", SYS_fallocate);
    SHOW("PTRACE", SYS_ptrace);
    SHOW("GETPRIORITY", SYS_getpriority);
    SHOW("CLOCK_GETTIME", SYS_clock_gettime);
    SHOW("SETPRIORITY", SYS_setpriority);
    SHOW("PRCTL", SYS_prctl);
    SHOW("GETTID", SYS_gettid);
    SHOW("OPENAT", SYS_openat);
    SHOW("PPOLL", SYS_ppoll);
    SHOW("GET_ROBUST_LIST", SYS_get_robust_list);
    SHOW("MOVE_PAGES", SYS_move_pages);
    SHOW("PROCESS_VM_READV", SYS_process_vm_readv);
    SHOW("PROCESS_VM_WRITEV", SYS_process_vm_writev);
    SHOW("MEMFD_CREATE", SYS_memfd_create);
    SHOW("USERFAULTFD", SYS_userfaultfd);
    SHOW("PIDFD_OPEN", SYS_pidfd_open);
    SHOW("PROCESS_MADVISE", SYS_process_madvise);
    SHOW("PIDFD_GETFD", SYS_pidfd_getfd);
    SHOW("WAITID", SYS_waitid);
    SHOW("CLONE3", SYS_clone3);
    SHOW("KCMP", SYS_kcmp);
    SHOW("DUP3", SYS_dup3);
    return 0;
}
