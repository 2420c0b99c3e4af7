/*
 * Threads made by clone(2) without a C library: what the kernel clears at the end of each is a word on a page of
 * its own, which nothing but the kernel knows. One after the other is told to end, joined by its word, and made
 * anew; between two ends of one thread nobody writes to its page. SIGTERM ends it with a line that begins with OK.
 */
#include "common.h"

#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>

#define STACK (16 * PAGE)
#define BALLAST_AT ((void *)0x10000000000) /* lower than all else, so that it is swept first */
#define JOIN_SECONDS 10
#define FLAGS                                                                                                  \
    (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_CHILD_CLEARTID)

static _Atomic uint32_t *told; /* one for each thread: that it is to end */
static unsigned char *stacks;
static unsigned char *words;

static inline long call(long number, long a, long b, long c, long d) {
    register long r10 __asm__("r10") = d;
    long result = number;
    __asm__ volatile("syscall" : "+a"(result) : "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
    return result;
}

/* It has no thread-local storage of its own: nothing of the C library may be used. */
__attribute__((noreturn)) static void body(uint64_t index) {
    while (told[index] == 0) {
        call(SYS_futex, (long)&told[index], FUTEX_WAIT, 0, 0);
    }
    for (;;) {
        call(SYS_exit, 0, 0, 0, 0);
    }
}

static _Atomic uint32_t *word(uint64_t index) {
    return (_Atomic uint32_t *)(words + index * 2 * PAGE);
}

static void make(uint64_t index) {
    uint64_t *top = (uint64_t *)(stacks + (index + 1) * STACK - 64);
    *--top = index;
    *--top = (uint64_t)(uintptr_t)body;
    told[index] = 0;
    *word(index) = 1;
    register void *child_word __asm__("r10") = word(index);
    long result = SYS_clone;
    __asm__ volatile("syscall\n\t"
                     "test %%rax, %%rax\n\t"
                     "jnz 1f\n\t"
                     "xor %%ebp, %%ebp\n\t"
                     "pop %%rax\n\t"
                     "pop %%rdi\n\t"
                     "call *%%rax\n\t"
                     "ud2\n"
                     "1:"
                     : "+a"(result)
                     : "D"((long)FLAGS), "S"(top), "d"(0L), "r"(child_word)
                     : "rcx", "r11", "memory");
    if (result < 0) {
        errno = (int)-result;
        die("clone");
    }
}

static void end(uint64_t index) {
    told[index] = 1;
    call(SYS_futex, (long)&told[index], FUTEX_WAKE, 1, 0);
    struct timespec limit = {JOIN_SECONDS, 0};
    while (*word(index) != 0) {
        if (call(SYS_futex, (long)word(index), FUTEX_WAIT, 1, (long)&limit) == -ETIMEDOUT) {
            printf("FAIL thread %llu has ended, and its word was never cleared\n", (unsigned long long)index);
            fflush(stdout);
            _exit(1);
        }
    }
}

int main(int argc, char **argv) {
    uint64_t threads = number(argc, argv, "--threads", "100");
    size_t ballast = number(argc, argv, "--ballast", "0");
    sigset_t term;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigprocmask(SIG_BLOCK, &term, NULL);
    if (ballast != 0) {
        memset(mmap(BALLAST_AT, ballast, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
                    -1, 0),
               7, ballast);
    }
    told = map(threads * sizeof *told, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    stacks = map(threads * STACK, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    words = map(threads * 2 * PAGE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    for (uint64_t i = 0; i < threads; i++) {
        make(i);
    }
    pthread_t thread;
    start(&thread, exit_at_end_of_input, NULL);
    printf("ready threads=%llu\n", (unsigned long long)threads);
    fflush(stdout);
    uint64_t ends = 0;
    for (struct timespec pause = {0, 1000000}; sigtimedwait(&term, NULL, &pause) < 0; ends++) {
        end(ends % threads);
        make(ends % threads);
    }
    printf("OK ends=%llu\n", (unsigned long long)ends);
    fflush(stdout);
    _exit(0);
}
