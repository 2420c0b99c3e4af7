/*
 * Two threads that discard pages of their own all the time, beside memory that stays as it is: word 0 of
 * each of its pages holds the page's number, counted from 1. The board counts the discards of both.
 */
#include "common.h"

#define STORMED 64

static volatile uint64_t *board;

static void *discard(void *pages) {
    for (uint64_t turn = 0;; turn++) {
        unsigned char *page = (unsigned char *)pages + turn % STORMED * PAGE;
        *page = 1;
        madvise(page, PAGE, MADV_DONTNEED);
        __atomic_fetch_add(board, 1, __ATOMIC_RELAXED);
    }
    return NULL;
}

int main(int argc, char **argv) {
    uint64_t pages = number(argc, argv, "--pages", "4096");
    board = map(PAGE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    *board = 0;
    unsigned char *still = map(pages * PAGE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    madvise(still, pages * PAGE, MADV_NOHUGEPAGE);
    for (uint64_t page = 0; page < pages; page++) {
        *(uint64_t *)(still + page * PAGE) = page + 1;
    }
    pthread_t thread;
    for (int i = 0; i < 2; i++) {
        start(&thread, discard, map(STORMED * PAGE, MAP_PRIVATE | MAP_ANONYMOUS, -1));
    }
    start(&thread, exit_at_end_of_input, NULL);
    printf("ready board=%llu still=%llu pages=%llu\n", (unsigned long long)(uintptr_t)board,
           (unsigned long long)(uintptr_t)still, (unsigned long long)pages);
    fflush(stdout);
    for (;;) {
        pause();
    }
}
