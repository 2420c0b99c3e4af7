/*
 * Threads that do not stop. "vfork" on standard input: a thread waits in the kernel for its child of vfork(2), which
 * waits for "end". "leave": the main thread ends, the others go on. One thread counts at "counter" for as long as
 * it runs.
 */
#include "common.h"

#include <sys/syscall.h>

static int orders[2];
static _Atomic uint64_t *counter;
static _Atomic int vforked;

static void *count(void *unused) {
    (void)unused;
    for (;;) {
        (*counter)++;
    }
    return NULL;
}

static void *wait_for_child(void *unused) {
    (void)unused;
    if (vfork() == 0) {
        char byte;
        atomic_store(&vforked, 1);
        _exit(read(orders[0], &byte, 1) == 1 ? 0 : 1);
    }
    printf("back\n");
    fflush(stdout);
    pause();
    return NULL;
}

static void *obey(void *unused) {
    (void)unused;
    char line[16];
    pthread_t thread;
    while (fgets(line, sizeof line, stdin) != NULL) {
        if (strcmp(line, "vfork\n") == 0) {
            start(&thread, wait_for_child, NULL);
            while (!atomic_load(&vforked)) {
                sched_yield();
            }
            printf("waits\n");
            fflush(stdout);
        } else if (write(orders[1], "e", 1) != 1) {
            die("write");
        }
    }
    _exit(0);
    return NULL;
}

int main(int argc, char **argv) {
    (void)argv;
    if (pipe(orders) != 0) {
        die("pipe");
    }
    counter = map(PAGE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    pthread_t thread;
    start(&thread, count, NULL);
    start(&thread, obey, NULL);
    printf("ready address=%llu\n", (unsigned long long)(uintptr_t)counter);
    fflush(stdout);
    char byte;
    while (argc > 1 && read(orders[0], &byte, 1) != 1) {
    }
    if (argc > 1) { /* "leave" */
        syscall(SYS_exit, 0);
    }
    for (;;) {
        pause();
    }
}
