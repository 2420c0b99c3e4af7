/* The main thread runs on a stack of the program's making, as goroutines and coroutines do. */
#include "common.h"

#include <ucontext.h>

static ucontext_t home, away;

static void run(void) {
    volatile uint64_t turns = 0;
    printf("ready address=%llu\n", (unsigned long long)(uintptr_t)&turns);
    fflush(stdout);
    for (;;) {
        turns++;
    }
}

int main(void) {
    pthread_t thread;
    start(&thread, exit_at_end_of_input, NULL);
    size_t size = 1 << 20;
    getcontext(&away);
    away.uc_stack.ss_sp = map(size, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    away.uc_stack.ss_size = size;
    away.uc_link = &home;
    makecontext(&away, run, 0);
    swapcontext(&home, &away);
    return 1;
}
