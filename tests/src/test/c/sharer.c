/*
 * A process made by clone(2) with the memory of this one, but no thread of it: it writes pages in turn
 * (sequence.h) where its parent only looks on.
 */
#include "sequence.h"

#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>

#define PAGES 512

static unsigned char *area;
static _Atomic int all_written;

static int write_on(void *unused) {
    (void)unused;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (uint64_t write = 1;; write++) {
        write_number(area + write % PAGES * PAGE, write);
        all_written |= write == PAGES;
    }
    return 0;
}

int main(void) {
    area = map(PAGES * PAGE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    unsigned char *stack = map(64 * PAGE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    pid_t child = clone(write_on, stack + 64 * PAGE, CLONE_VM | CLONE_FILES | SIGCHLD, NULL);
    if (child < 0) {
        die("clone");
    }
    while (!all_written) {
        sched_yield();
    }
    printf("ready address=%llu pages=%d child=%d\n", (unsigned long long)(uintptr_t)area, PAGES, child);
    fflush(stdout);
    wait_for_end_of_input();
    kill(child, SIGKILL);
    return 0;
}
