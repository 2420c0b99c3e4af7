/*
 * Real-time signals with numbers from another process to each of eight threads, as fast as they are taken: a handler
 * expects each number after the one before. SIGTERM ends it: the sender stops, what was sent has to arrive, and the
 * line begins with OK.
 */
#include "common.h"

#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define THREADS 8
#define BURST 16
#define ARRIVAL_SECONDS 20

struct counts {
    _Atomic uint32_t sent[THREADS];
    _Atomic uint32_t stop;
    pid_t tid[THREADS];
};

static struct counts *counts;
static _Atomic uint32_t received[THREADS];
static __thread unsigned self;

static void receive(int number, siginfo_t *info, void *context) {
    (void)number, (void)context;
    uint32_t expected = received[self] + 1;
    if ((uint32_t)info->si_value.sival_int != expected) {
        char text[96];
        int length = snprintf(text, sizeof text, "FAIL thread %u: signal %u came instead of %u\n", self,
                              (unsigned)info->si_value.sival_int, expected);
        _exit(write(STDOUT_FILENO, text, length) == length ? 1 : 2);
    }
    received[self] = expected;
}

static void *take(void *argument) {
    self = (unsigned)(uintptr_t)argument;
    counts->tid[self] = (pid_t)syscall(SYS_gettid);
    sigset_t none;
    sigemptyset(&none);
    sigaddset(&none, SIGTERM);
    pthread_sigmask(SIG_SETMASK, &none, NULL);
    volatile uint64_t turns = 0;
    for (;;) {
        if (self % 2 == 0) {
            turns++;
        } else {
            pause();
        }
    }
    return NULL;
}

static void send_all(pid_t target) {
    while (!counts->stop && getppid() != 1) {
        for (unsigned thread = 0; thread < THREADS; thread++) {
            for (int i = 0; i < BURST; i++) {
                siginfo_t info = {.si_signo = SIGRTMIN, .si_code = SI_QUEUE};
                info.si_pid = getpid();
                info.si_value.sival_int = (int)counts->sent[thread] + 1;
                if (syscall(SYS_rt_tgsigqueueinfo, target, counts->tid[thread], SIGRTMIN, &info) != 0) {
                    break; /* the queue is full: the same number is tried again */
                }
                counts->sent[thread]++;
            }
        }
        struct timespec pause = {0, 500000};
        nanosleep(&pause, NULL);
    }
}

static uint64_t await_arrival(void) {
    uint64_t until = now_nanos() + ARRIVAL_SECONDS * 1000000000ull, all = 0;
    for (unsigned thread = 0; thread < THREADS; thread++) {
        while (received[thread] != counts->sent[thread]) {
            if (now_nanos() > until) {
                printf("FAIL thread %u: %u signals were sent, %u came\n", thread, counts->sent[thread],
                       received[thread]);
                fflush(stdout);
                _exit(1);
            }
            sched_yield();
        }
        all += received[thread];
    }
    return all;
}

int main(void) {
    counts = map(sizeof *counts, MAP_SHARED | MAP_ANONYMOUS, -1);
    struct sigaction action = {.sa_sigaction = receive, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigaction(SIGRTMIN, &action, NULL);
    sigset_t blocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    sigaddset(&blocked, SIGRTMIN);
    sigprocmask(SIG_BLOCK, &blocked, NULL);
    pid_t target = getpid();
    int begin[2];
    if (pipe(begin) != 0) {
        die("pipe");
    }
    pid_t sender = fork();
    if (sender == 0) {
        char byte;
        close(begin[1]);
        if (read(begin[0], &byte, 1) == 1) {
            send_all(target);
        }
        _exit(0);
    }
    pthread_t thread;
    for (uintptr_t i = 0; i < THREADS; i++) {
        start(&thread, take, (void *)i);
    }
    start(&thread, exit_at_end_of_input, NULL);
    for (unsigned i = 0; i < THREADS; i++) {
        while (*(volatile pid_t *)&counts->tid[i] == 0) {
            sched_yield();
        }
    }
    if (write(begin[1], "b", 1) != 1) {
        die("write");
    }
    printf("ready threads=%d\n", THREADS);
    fflush(stdout);
    sigset_t end;
    sigemptyset(&end);
    sigaddset(&end, SIGTERM);
    int number;
    sigwait(&end, &number);
    counts->stop = 1;
    waitpid(sender, NULL, 0);
    printf("OK signals=%llu\n", (unsigned long long)await_arrival());
    fflush(stdout);
    _exit(0);
}
