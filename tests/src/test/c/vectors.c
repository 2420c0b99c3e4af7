/*
 * A thread that holds values in all vector registers that the processor has, and waits. Word w of register
 * number n is (n + 1) << 56 | (w + 1) << 48 | 0x5717: four words in ymm0 to ymm15, or eight in zmm0 to zmm31
 * and 0x5700 + n in the mask register n. The protection keys' register holds 0x55555514, where there is one.
 */
#include "common.h"

#include <cpuid.h>
#include <sys/syscall.h>

#define KEY_RIGHTS 0x55555514 /* key 3 may be used, which no memory has */

static uint64_t words[32][8];
static uint16_t masks[8];
static atomic_int held;

static int has_key_rights(void) {
    unsigned a, b, c = 0, d;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (c & 1 << 4) != 0; /* OSPKE */
}

/* Says that the registers are set, and never returns; a system call leaves vector registers alone. */
#define HOLD                        \
    "movl $1, (%[held])\n\t"        \
    "1: mov %[pause], %%eax\n\t"    \
    "syscall\n\t"                   \
    "jmp 1b"

static void hold_ymm(void) {
    __asm__ volatile(".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n\t"
                     "vmovdqu \\n*64(%[words]), %%ymm\\n\n\t"
                     ".endr\n\t" HOLD
                     :
                     : [words] "r"(words), [held] "r"(&held), [pause] "i"(SYS_pause)
                     : "rax", "rcx", "r11", "memory");
}

static void hold_zmm(void) {
    __asm__ volatile(".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n\t"
                     "vmovdqu64 \\n*64(%[words]), %%zmm\\n\n\t"
                     ".endr\n\t"
                     ".irp n,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n\t"
                     "vmovdqu64 \\n*64(%[words]), %%zmm\\n\n\t"
                     ".endr\n\t"
                     ".irp n,0,1,2,3,4,5,6,7\n\t"
                     "kmovw \\n*2(%[masks]), %%k\\n\n\t"
                     ".endr\n\t" HOLD
                     :
                     : [words] "r"(words), [masks] "r"(masks), [held] "r"(&held), [pause] "i"(SYS_pause)
                     : "rax", "rcx", "r11", "memory");
}

static void *hold(void *unused) {
    if (has_key_rights()) {
        __asm__ volatile("wrpkru" : : "a"(KEY_RIGHTS), "c"(0), "d"(0));
    }
    if (__builtin_cpu_supports("avx512f")) {
        hold_zmm();
    } else {
        hold_ymm();
    }
    return unused;
}

int main(void) {
    if (!__builtin_cpu_supports("avx")) {
        errno = ENOTSUP;
        die("AVX");
    }
    for (uint64_t n = 0; n < 32; n++) {
        for (uint64_t w = 0; w < 8; w++) {
            words[n][w] = (n + 1) << 56 | (w + 1) << 48 | 0x5717;
        }
    }
    for (unsigned n = 0; n < 8; n++) {
        masks[n] = (uint16_t)(0x5700 + n);
    }
    pthread_t holder;
    start(&holder, hold, NULL);
    while (!held) {
        usleep(1000);
    }
    printf("ready wide=%d keys=%d\n", __builtin_cpu_supports("avx512f") != 0, has_key_rights());
    fflush(stdout);
    wait_for_end_of_input();
    return 0;
}
