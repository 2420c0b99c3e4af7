/*
 * One memfd mapped twice and written through both mappings in turn. With "--second 1" another process
 * maps its upper half writable as well and writes there.
 */
#include "sequence.h"

#include <sys/prctl.h>
#include <signal.h>

static void write_elsewhere(int fd, size_t size) {
    pid_t parent = getpid();
    pid_t child = fork();
    if (child < 0) {
        die("fork");
    }
    if (child > 0) {
        return;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(1);
    }
    unsigned char *memory = mmap(NULL, size / 2, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)(size / 2));
    if (memory == MAP_FAILED) {
        die("mmap of the second process");
    }
    for (uint64_t write = 1;; write++) {
        write_number(memory + write % (size / 2 / PAGE) * PAGE, write);
    }
}

int main(int argc, char **argv) {
    size_t size = number(argc, argv, "--size", "16777216");
    int second = (int)number(argc, argv, "--second", "0");
    int fd = memfd_create("twice", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, (off_t)size) != 0) {
        die("memfd_create");
    }
    if (second) {
        write_elsewhere(fd, size);
    }
    unsigned char *one = map(size, MAP_SHARED, fd);
    unsigned char *other = map(size, MAP_SHARED, fd);
    close(fd);
    uint64_t count = (second ? size / 2 : size) / PAGE, write = 0;
    pthread_t thread;
    start(&thread, exit_at_end_of_input, NULL);
    for (;;) {
        write++;
        write_number((write % 3 == 0 ? one : other) + write % count * PAGE, write);
        if (write == count) {
            printf("ready one=%llu other=%llu size=%llu\n", (unsigned long long)(uintptr_t)one,
                   (unsigned long long)(uintptr_t)other, (unsigned long long)size);
            fflush(stdout);
        }
    }
}
