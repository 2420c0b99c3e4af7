/*
 * 5,000 mappings of two pages, writable and read-only in turn; the first pages of the writable ones are
 * written.
 */
#include "sequence.h"

#define MAPPINGS 5000
#define MAPPING (2 * PAGE)

int main(void) {
    unsigned char *area = map(MAPPINGS * MAPPING, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    for (uint64_t i = 0; i < MAPPINGS; i++) {
        write_number(area + i * MAPPING + PAGE, 0xABCD000000000000u + i);
        if (i % 2 == 1 && mprotect(area + i * MAPPING, MAPPING, PROT_READ) != 0) {
            die("mprotect");
        }
    }
    uint64_t writable = MAPPINGS / 2, write = 0;
    while (write < writable) {
        write++;
        write_number(area + write % writable * 2 * MAPPING, write);
    }
    pthread_t thread;
    start(&thread, exit_at_end_of_input, NULL);
    printf("ready address=%llu mappings=%d\n", (unsigned long long)(uintptr_t)area, MAPPINGS);
    fflush(stdout);
    for (;;) {
        write++;
        write_number(area + write % writable * 2 * MAPPING, write);
    }
}
