/* A file mapped private, of which the first quarter is written; the rest stays the file's. */
#include "sequence.h"

#include <sys/stat.h>

int main(int argc, char **argv) {
    int fd = open(option(argc, argv, "--file", ""), O_RDONLY | O_CLOEXEC);
    struct stat facts;
    if (fd < 0 || fstat(fd, &facts) != 0) {
        die("--file");
    }
    size_t size = (size_t)facts.st_size;
    unsigned char *memory = map(size, MAP_PRIVATE, fd);
    close(fd);
    volatile unsigned char sum = 0;
    for (size_t at = 0; at < size; at += PAGE) {
        sum = (unsigned char)(sum + memory[at]); /* mapped, but still the file's page */
    }
    uint64_t count = size / PAGE / 4, write = 0;
    pthread_t thread;
    start(&thread, exit_at_end_of_input, NULL);
    for (;;) {
        write++;
        write_number(memory + write % count * PAGE, write);
        if (write == count) {
            printf("ready address=%llu size=%llu\n", (unsigned long long)(uintptr_t)memory,
                   (unsigned long long)size);
            fflush(stdout);
        }
    }
}
