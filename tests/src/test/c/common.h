/* What the target programs share: errors, time, and a life that ends with the test's. */
#ifndef STILLFRAME_COMMON_H
#define STILLFRAME_COMMON_H

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096UL

static inline void die(const char *what) {
    fprintf(stderr, "FAIL %s: %s\n", what, strerror(errno));
    _exit(1);
}

static inline uint64_t now_nanos(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* The value of "--name VALUE", or the fallback. */
static inline const char *option(int argc, char **argv, const char *name, const char *fallback) {
    for (int i = 1; i + 1 < argc; i++) {
        if (strcmp(argv[i], name) == 0) {
            return argv[i + 1];
        }
    }
    return fallback;
}

static inline uint64_t number(int argc, char **argv, const char *name, const char *fallback) {
    return strtoull(option(argc, argv, name, fallback), NULL, 0);
}

/* The test holds the other end of standard input: no program outlives its test, however the test ends. */
static inline void wait_for_end_of_input(void) {
    char byte;
    ssize_t got;
    do {
        got = read(STDIN_FILENO, &byte, 1);
    } while (got > 0 || (got < 0 && errno == EINTR));
}

static inline void *exit_at_end_of_input(void *unused) {
    wait_for_end_of_input();
    _exit(0);
    return unused;
}

static inline void start(pthread_t *thread, void *(*body)(void *), void *argument) {
    int error = pthread_create(thread, NULL, body, argument);
    if (error != 0) {
        errno = error;
        die("pthread_create");
    }
}

static inline void *map(size_t size, int flags, int fd) {
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, 0);
    if (memory == MAP_FAILED) {
        die("mmap");
    }
    return memory;
}

#endif
