/*
 * 200 threads at known places: four spin, the others wait in system calls, and each holds values in its
 * registers that follow from its number: r12 = 0x5717000000000000 + number, st(0) = number, the low half
 * of ymm6 is {0x1111000000000000 + number, 0x2222000000000000 + number}, the high half {0x3333..,
 * 0x4444..} + number. The name of thread n is "held-n", and each is inside known_outer(), which gdb must
 * find.
 */
#include "common.h"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#define THREADS 200
#define SPINNING 4

struct held {
    uint64_t r12;
    uint64_t ymm6[4];
    double st0;
};

static pthread_barrier_t placed;
static int silent_pipe[2];
static uint32_t never_woken;

/* One system call with the values in their registers; it does not return. */
__attribute__((noinline)) static long hold(const struct held *held, long call, long a, long b, long c,
                                           long d) {
    register long r10 __asm__("r10") = d;
    long result = call;
    __asm__ volatile("mov (%[held]), %%r12\n\t"
                     "vmovdqu 8(%[held]), %%ymm6\n\t"
                     "fldl 40(%[held])\n\t"
                     "syscall\n\t"
                     "fstp %%st(0)"
                     : "+a"(result)
                     : [held] "r"(held), "D"(a), "S"(b), "d"(c), "r"(r10)
                     : "rcx", "r11", "r12", "xmm6", "memory");
    return result;
}

__attribute__((noinline)) static void thread_spinning(const struct held *held) {
    __asm__ volatile("mov (%[held]), %%r12\n\t"
                     "vmovdqu 8(%[held]), %%ymm6\n\t"
                     "fldl 40(%[held])\n\t"
                     "1: pause\n\t"
                     "jmp 1b"
                     :
                     : [held] "r"(held)
                     : "r12", "xmm6", "memory");
}

__attribute__((noinline)) static void thread_in_read(const struct held *held) {
    static char byte;
    hold(held, SYS_read, silent_pipe[0], (long)&byte, 1, 0);
}

__attribute__((noinline)) static void thread_in_futex(const struct held *held) {
    hold(held, SYS_futex, (long)&never_woken, 0, 0, 0); /* FUTEX_WAIT for a value that stays */
}

__attribute__((noinline)) static void thread_in_poll(const struct held *held) {
    struct pollfd none = {.fd = silent_pipe[0], .events = POLLIN};
    hold(held, SYS_poll, (long)&none, 1, -1, 0);
}

__attribute__((noinline)) static void thread_in_sleep(const struct held *held) {
    struct timespec day = {86400, 0};
    hold(held, SYS_nanosleep, (long)&day, 0, 0, 0);
}

__attribute__((noinline)) static void known_outer(uint64_t number) {
    struct held held = {
        .r12 = 0x5717000000000000u + number,
        .ymm6 = {0x1111000000000000u + number, 0x2222000000000000u + number, 0x3333000000000000u + number,
                 0x4444000000000000u + number},
        .st0 = (double)number,
    };
    pthread_barrier_wait(&placed);
    if (number < SPINNING) {
        thread_spinning(&held);
    }
    for (;;) { /* a stop may end a system call early */
        switch (number % 4) {
        case 0:
            thread_in_read(&held);
            break;
        case 1:
            thread_in_futex(&held);
            break;
        case 2:
            thread_in_poll(&held);
            break;
        default:
            thread_in_sleep(&held);
        }
    }
}

static void *body(void *argument) {
    char name[16];
    snprintf(name, sizeof name, "held-%u", (unsigned)(uintptr_t)argument);
    prctl(PR_SET_NAME, name);
    known_outer((uintptr_t)argument);
    return NULL;
}

int main(void) {
    if (!__builtin_cpu_supports("avx")) {
        errno = ENOTSUP;
        die("AVX");
    }
    if (pipe(silent_pipe) != 0) {
        die("pipe");
    }
    pthread_barrier_init(&placed, NULL, THREADS + 1);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 64 << 10);
    for (uintptr_t i = 0; i < THREADS; i++) {
        pthread_t thread;
        if (pthread_create(&thread, &attributes, body, (void *)i) != 0) {
            die("pthread_create");
        }
    }
    pthread_barrier_wait(&placed);
    printf("ready threads=%d spinning=%d\n", THREADS, SPINNING);
    fflush(stdout);
    wait_for_end_of_input();
    return 0;
}
