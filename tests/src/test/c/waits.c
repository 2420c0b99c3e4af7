/*
 * Threads in system calls that a stop ends with EINTR: each of them waits without a time limit for something that
 * never comes, and says so if it comes back. SIGTERM ends it with OK.
 */
#include "common.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/sem.h>
#include <sys/syscall.h>

#define WAITS 6

static int nothing; /* an epoll that watches nothing */
static int semaphore;
static _Atomic int waiting;
static _Atomic int over; /* the semaphore goes, and who waits for it comes back */

static long wait_in(unsigned kind) {
    struct epoll_event event;
    struct sembuf down = {0, -1, 0};
    sigset_t never, all;
    sigemptyset(&never);
    sigaddset(&never, SIGUSR2);
    sigfillset(&all); /* SIGTERM is for the main thread */
    switch (kind) {
    case 0:
        return syscall(SYS_epoll_wait, nothing, &event, 1, -1);
    case 1:
        return syscall(SYS_epoll_pwait, nothing, &event, 1, -1, &all, 8);
    case 2:
        return syscall(SYS_epoll_pwait2, nothing, &event, 1, NULL, NULL, 8);
    case 3:
        return sigwaitinfo(&never, NULL);
    case 4:
        return semop(semaphore, &down, 1);
    default:
        return semtimedop(semaphore, &down, 1, NULL);
    }
}

static void *wait_for_ever(void *argument) {
    unsigned kind = (unsigned)(uintptr_t)argument;
    atomic_fetch_add(&waiting, 1);
    long result = wait_in(kind);
    while (atomic_load(&over)) {
        pause();
    }
    printf("FAIL wait %u came back: %ld, %s\n", kind, result, strerror(errno));
    fflush(stdout);
    _exit(1);
    return NULL;
}

int main(void) {
    sigset_t blocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    sigaddset(&blocked, SIGUSR2);
    sigprocmask(SIG_BLOCK, &blocked, NULL);
    nothing = epoll_create1(EPOLL_CLOEXEC);
    semaphore = semget(IPC_PRIVATE, 1, IPC_CREAT | 0600);
    if (nothing < 0 || semaphore < 0) {
        die("epoll or semaphore");
    }
    pthread_t thread;
    for (uintptr_t i = 0; i < WAITS; i++) {
        start(&thread, wait_for_ever, (void *)i);
    }
    start(&thread, exit_at_end_of_input, NULL);
    while (atomic_load(&waiting) < WAITS) {
        sched_yield();
    }
    printf("ready waits=%d\n", WAITS);
    fflush(stdout);
    sigset_t end;
    sigemptyset(&end);
    sigaddset(&end, SIGTERM);
    int number;
    sigwait(&end, &number);
    atomic_store(&over, 1);
    semctl(semaphore, 0, IPC_RMID);
    printf("OK\n");
    fflush(stdout);
    _exit(0);
}
