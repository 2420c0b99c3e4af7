/*
 * A program that replaces itself, by itself, at each line of its input: its memory is filled with the number of
 * its generation, and a thread writes that again and again.
 */
#include "common.h"

static size_t size;
static uint64_t generation;

static void *fill_for_ever(void *memory) {
    for (;;) {
        for (volatile uint64_t *word = memory; word < (uint64_t *)((unsigned char *)memory + size); word += PAGE / 8) {
            *word = generation;
        }
    }
    return NULL;
}

int main(int argc, char **argv) {
    size = number(argc, argv, "--size", "16777216");
    generation = number(argc, argv, "--generation", "1");
    uint64_t *memory = map(size, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    for (size_t i = 0; i < size / sizeof *memory; i++) {
        memory[i] = generation;
    }
    pthread_t thread;
    start(&thread, fill_for_ever, memory);
    printf("ready address=%llu generation=%llu\n", (unsigned long long)(uintptr_t)memory,
           (unsigned long long)generation);
    fflush(stdout);
    char byte;
    if (read(STDIN_FILENO, &byte, 1) == 1) {
        while (byte != '\n' && read(STDIN_FILENO, &byte, 1) == 1) {
        }
        char following[32];
        snprintf(following, sizeof following, "%llu", (unsigned long long)generation + 1);
        execl("/proc/self/exe", argv[0], "--generation", following, (char *)NULL);
        die("execl");
    }
    return 0;
}
