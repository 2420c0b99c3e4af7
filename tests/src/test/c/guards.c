/*
 * Memory that is filled without a word: of its pages the first is in use and the others are empty. "prepare" on standard
 * input puts guard pages over some of the empty ones, takes them away and fills these pages, each with its number; "act"
 * discards them.
 */
#include "common.h"

#define PAGES 512
#define FIRST 64
#define END 128
#define GUARD_INSTALL 102
#define GUARD_REMOVE 103

static void advise(unsigned char *at, int advice) {
    if (madvise(at, (END - FIRST) * PAGE, advice) != 0) {
        die("madvise");
    }
}

int main(void) {
    unsigned char *two = map(2 * PAGES * PAGE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    unsigned char *all = (unsigned char *)(((uintptr_t)two + PAGES * PAGE - 1) & -(uintptr_t)(PAGES * PAGE));
    unsigned char *some = all + FIRST * PAGE;
    madvise(two, 2 * PAGES * PAGE, MADV_NOHUGEPAGE);
    all[0] = 1;
    printf("ready start=%llu end=%llu\n", (unsigned long long)(uintptr_t)some,
           (unsigned long long)(uintptr_t)(all + END * PAGE));
    fflush(stdout);
    char line[64];
    while (fgets(line, sizeof line, stdin) != NULL) {
        if (strcmp(line, "prepare\n") == 0) {
            advise(some, GUARD_INSTALL);
            advise(some, GUARD_REMOVE);
            for (uint64_t page = FIRST; page < END; page++) {
                *(uint64_t *)(all + page * PAGE) = page;
            }
        } else {
            advise(some, MADV_DONTNEED);
        }
        printf("did %s", line);
        fflush(stdout);
    }
    return 0;
}
