/*
 * Ranges of memory that are discarded, unmapped and mapped again, or moved, and filled again: one
 * operation after the other, each known from its number, so that the board's number tells what every
 * range held at an instant.
 *
 * There are RANGES + 1 places; range r begins at place r, and the last place is free. Operation n takes
 * range mix(n) % RANGES and does mix(n) / 256 % 3: 0 discards it, 1 unmaps it and maps it again, 2 moves
 * it to the free place. Then its pages are filled: the first word of each is n, the last n * page number.
 * DiscardModel.java has the same rules.
 */
#include "common.h"

#define RANGES 64

static uint64_t mix(uint64_t z) {
    z += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static void fill(unsigned char *range, uint64_t range_pages, uint64_t operation) {
    for (uint64_t page = 0; page < range_pages; page++) {
        *(volatile uint64_t *)(range + page * PAGE) = operation;
        *(volatile uint64_t *)(range + page * PAGE + PAGE - 8) = operation * page;
    }
}

int main(int argc, char **argv) {
    uint64_t range_pages = number(argc, argv, "--pages", "256");
    uint64_t per_second = number(argc, argv, "--rate", "1000");
    size_t size = range_pages * PAGE;
    volatile uint64_t *board = map(PAGE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    unsigned char *area = map((RANGES + 1) * size, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    madvise(area, (RANGES + 1) * size, MADV_NOHUGEPAGE);
    unsigned char *range[RANGES];
    unsigned char *spare = area + RANGES * size;
    munmap(spare, size);
    for (uint64_t i = 0; i < RANGES; i++) {
        range[i] = area + i * size;
        fill(range[i], range_pages, 0x8000000000000000u + i);
    }
    *board = 0;
    pthread_t thread;
    start(&thread, exit_at_end_of_input, NULL);
    printf("ready board=%llu area=%llu pages=%llu ranges=%d\n", (unsigned long long)(uintptr_t)board,
           (unsigned long long)(uintptr_t)area, (unsigned long long)range_pages, RANGES);
    fflush(stdout);
    for (uint64_t operation = 1;; operation++) {
        uint64_t choice = mix(operation);
        unsigned char **chosen = &range[choice % RANGES];
        switch (choice / 256 % 3) {
        case 0:
            madvise(*chosen, size, MADV_DONTNEED);
            break;
        case 1:
            munmap(*chosen, size);
            if (mmap(*chosen, size, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != *chosen) {
                die("mmap");
            }
            madvise(*chosen, size, MADV_NOHUGEPAGE);
            break;
        default: {
            unsigned char *old = *chosen;
            if (mremap(old, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, spare) != spare) {
                die("mremap");
            }
            *chosen = spare;
            spare = old;
        }
        }
        fill(*chosen, range_pages, operation);
        *board = operation;
        struct timespec pause = {0, (long)(1000000000u / per_second)};
        nanosleep(&pause, NULL);
    }
}
