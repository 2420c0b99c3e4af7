// Memory that changes between two images in every way that a mapping can: one act for each line on the standard
// input, and then it stands still until the next.
#include "common.h"

#include <sys/wait.h>

enum { PAGES = 512, SIZE = PAGE * PAGES };

static uint64_t stamp = 1;

static void check(int good, const char *what) {
    if (!good) {
        die(what);
    }
}

static char *map_at(void *at, int flags, int fd) {
    char *memory = mmap(at, SIZE, PROT_READ | PROT_WRITE, flags | (at ? MAP_FIXED : 0), fd, 0);
    check(memory != MAP_FAILED, "mmap");
    return memory;
}

static void fill(char *memory, size_t first, size_t count, size_t step) {
    for (size_t page = first; page < first + count; page += step) {
        memset(memory + page * PAGE, 0, PAGE);
        *(uint64_t *)(memory + page * PAGE) = stamp++;
        *(uint64_t *)(memory + page * PAGE + PAGE - 8) = stamp;
    }
}

int main(int argc, char **argv) {
    check(argc == 2, "watched FILE");
    int file = open(argv[1], O_RDWR | O_CREAT | O_TRUNC, 0600);
    check(file >= 0 && ftruncate(file, SIZE) == 0, argv[1]);
    char *anonymous = map_at(NULL, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    char *other = map_at(NULL, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    char *shared = map_at(NULL, MAP_SHARED | MAP_ANONYMOUS, -1);
    char *privately = map_at(NULL, MAP_PRIVATE, file);
    fill(anonymous, 0, PAGES, 1);
    fill(other, 0, PAGES, 1);
    fill(shared, 0, PAGES, 2);
    fill(privately, 0, PAGES / 2, 1);
    printf("ready anonymous=%lu other=%lu shared=%lu file=%lu bytes=%lu\n", (unsigned long)anonymous,
           (unsigned long)other, (unsigned long)shared, (unsigned long)privately, (unsigned long)SIZE);
    fflush(stdout);
    char act[32];
    while (fgets(act, sizeof act, stdin)) {
        act[strcspn(act, "\n")] = 0;
        if (!strcmp(act, "write")) {
            fill(anonymous, 7, 20, 3);
            fill(shared, 9, 20, 3);
            fill(privately, 200, 100, 3);
        } else if (!strcmp(act, "zero")) {
            memset(anonymous + 3 * PAGE, 0, 5 * PAGE);
        } else if (!strcmp(act, "replace")) { // the same range, other memory, in part empty
            check(munmap(anonymous, SIZE) == 0, "munmap");
            map_at(anonymous, MAP_PRIVATE | MAP_ANONYMOUS, -1);
            fill(anonymous, 10, 30, 1);
        } else if (!strcmp(act, "move")) { // marked memory comes where other marked memory was
            check(mremap(other, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, anonymous) == anonymous, "mremap");
            map_at(other, MAP_PRIVATE | MAP_ANONYMOUS, -1);
            fill(other, 0, PAGES, 1);
        } else if (!strcmp(act, "discard")) {
            check(madvise(anonymous + 20 * PAGE, 100 * PAGE, MADV_DONTNEED) == 0, "madvise");
            check(madvise(shared + 20 * PAGE, 100 * PAGE, MADV_REMOVE) == 0, "madvise");
            check(madvise(privately + 20 * PAGE, 100 * PAGE, MADV_DONTNEED) == 0, "madvise");
            fill(anonymous, 30, 20, 2);
        } else if (!strcmp(act, "fork")) { // the child's writes are its own, but for shared memory
            pid_t child = fork();
            check(child >= 0, "fork");
            if (child == 0) {
                fill(anonymous, 0, PAGES, 1);
                fill(shared, 100, 50, 1);
                _exit(0);
            }
            check(waitpid(child, NULL, 0) == child, "waitpid");
            fill(anonymous, 300, 20, 2);
        } else if (!strcmp(act, "protect")) {
            check(mprotect(anonymous, SIZE, PROT_READ) == 0, "mprotect");
            check(mprotect(anonymous, SIZE, PROT_READ | PROT_WRITE) == 0, "mprotect");
            fill(anonymous, 400, 5, 1);
        } else if (!strcmp(act, "split")) {
            check(mprotect(anonymous + 64 * PAGE, 64 * PAGE, PROT_NONE) == 0, "mprotect");
        } else if (!strcmp(act, "join")) {
            check(mprotect(anonymous, SIZE, PROT_READ | PROT_WRITE) == 0, "mprotect");
        } else if (!strcmp(act, "system")) { // the kernel writes
            check(pread(file, anonymous + 450 * PAGE, 3 * PAGE, 0) == (ssize_t)(3 * PAGE), "pread");
        } else if (!strcmp(act, "much")) { // takes long to copy
            char *much = map_at(NULL, MAP_PRIVATE | MAP_ANONYMOUS, -1);
            check((much = mremap(much, SIZE, 64 * SIZE, MREMAP_MAYMOVE)) != MAP_FAILED, "mremap");
            fill(much, 0, 64 * PAGES, 1);
            fill(anonymous, 0, PAGES, 1);
        } else if (!strcmp(act, "exec")) {
            execl("/bin/sh", "sh", "-c", "echo another program; exec cat", (char *)NULL);
        } else {
            fprintf(stderr, "no act '%s'\n", act);
            return 1;
        }
        puts("done");
        fflush(stdout);
    }
    return 0;
}
