/*
 * Everything a thread can do when it ends, over and over: threads created and joined, detached threads
 * that are lost, owners of robust mutexes that die holding them, 1,000 signals a second, registers with
 * known contents, and with "--fork 1" children. A watchdog inside prints FAIL when anything takes more
 * than 20 s or gives a wrong value. SIGTERM ends it with a line that begins with OK.
 */
#include "common.h"

#include <signal.h>
#include <sys/wait.h>

#define HANG_SECONDS 20
#define SIGNALS_PER_SECOND 1000

enum { JOINED, DETACHED, ROBUST_PRIVATE, ROBUST_SHARED, REGISTERS, FORKED, LOOPS };
static const char *const NAME[LOOPS] = {"joined",        "detached",  "robust-private",
                                        "robust-shared", "registers", "forked"};
static _Atomic uint64_t turns[LOOPS];
static _Atomic uint64_t signals;
static _Atomic uint64_t detached_ended;

static void fail(int loop, const char *what, int value) {
    printf("FAIL %s: %s (%d: %s)\n", NAME[loop], what, value, strerror(value));
    fflush(stdout);
    _exit(1);
}

static void must(int loop, const char *what, int error) {
    if (error != 0) {
        fail(loop, what, error);
    }
}

static void count_signal(int number) {
    (void)number;
    atomic_fetch_add(&signals, 1);
}

static void *square(void *argument) {
    volatile uint64_t on_stack[64];
    uint64_t *box = argument;
    for (unsigned i = 0; i < 64; i++) {
        on_stack[i] = *box;
    }
    *box = on_stack[17] * on_stack[63];
    return box;
}

static void *create_and_join(void *unused) {
    (void)unused;
    for (uint64_t turn = 1;; turn++) {
        pthread_t thread[4];
        for (uint64_t i = 0; i < 4; i++) {
            uint64_t *box = malloc(sizeof *box);
            *box = turn + i;
            start(&thread[i], square, box);
        }
        for (uint64_t i = 0; i < 4; i++) {
            void *result;
            must(JOINED, "pthread_join", pthread_join(thread[i], &result));
            if (*(uint64_t *)result != (turn + i) * (turn + i)) {
                fail(JOINED, "a thread returned a wrong value", 0);
            }
            free(result);
        }
        atomic_store(&turns[JOINED], turn);
    }
    return NULL;
}

static void *count_and_vanish(void *unused) {
    (void)unused;
    atomic_fetch_add(&detached_ended, 1);
    return NULL;
}

static void *create_and_lose(void *unused) {
    (void)unused;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    for (uint64_t turn = 1;; turn++) {
        pthread_t thread;
        must(DETACHED, "pthread_create", pthread_create(&thread, &attributes, count_and_vanish, NULL));
        while (atomic_load(&detached_ended) < turn) {
            sched_yield();
        }
        atomic_store(&turns[DETACHED], turn);
    }
    return NULL;
}

struct robust {
    pthread_mutex_t mutex;
    uint64_t guarded;
};

static void make_robust(struct robust *robust, int sharing) {
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    pthread_mutexattr_setpshared(&attributes, sharing);
    pthread_mutex_init(&robust->mutex, &attributes);
    robust->guarded = 0;
}

static void *lock_and_die(void *argument) {
    struct robust *robust = argument;
    if (pthread_mutex_lock(&robust->mutex) == 0) {
        robust->guarded++;
    }
    return NULL; /* the kernel marks the mutex when the thread is gone */
}

static void inherit(int loop, struct robust *robust, uint64_t turn) {
    pthread_t owner;
    start(&owner, lock_and_die, robust);
    if (turn % 2 == 0) { /* every other time the lock is waited for while its owner is still alive */
        must(loop, "pthread_join", pthread_join(owner, NULL));
    } else {
        while (*(volatile uint64_t *)&robust->guarded != turn) {
            sched_yield();
        }
    }
    struct timespec deadline;
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += HANG_SECONDS;
    int result = pthread_mutex_timedlock(&robust->mutex, &deadline);
    if (result != EOWNERDEAD || robust->guarded != turn) {
        fail(loop, "the next locker must see EOWNERDEAD", result);
    }
    must(loop, "pthread_mutex_consistent", pthread_mutex_consistent(&robust->mutex));
    must(loop, "pthread_mutex_unlock", pthread_mutex_unlock(&robust->mutex));
    if (turn % 2 != 0) {
        must(loop, "pthread_join", pthread_join(owner, NULL));
    }
}

static void *robust_private(void *unused) {
    (void)unused;
    struct robust *robust = malloc(sizeof *robust);
    make_robust(robust, PTHREAD_PROCESS_PRIVATE);
    for (uint64_t turn = 1;; turn++) {
        inherit(ROBUST_PRIVATE, robust, turn);
        atomic_store(&turns[ROBUST_PRIVATE], turn);
    }
    return NULL;
}

static void *robust_shared(void *unused) {
    (void)unused;
    struct robust *robust = map(PAGE, MAP_SHARED | MAP_ANONYMOUS, -1);
    make_robust(robust, PTHREAD_PROCESS_SHARED);
    for (uint64_t turn = 1;; turn++) {
        inherit(ROBUST_SHARED, robust, turn);
        atomic_store(&turns[ROBUST_SHARED], turn);
    }
    return NULL;
}

/* A value that passes through general and vector registers and the stack; any register that is lost shows. */
__attribute__((noipa)) static double churn(uint64_t rounds) {
    double a = 1, b = 2, c = 3, d = 4;
    for (uint64_t i = 0; i < rounds; i++) {
        a = a * 0.5 + b;
        b = b * 0.25 + c;
        c = c * 0.125 + d;
        d = d * 0.0625 + (double)(i % 7);
    }
    return a + b + c + d;
}

static void *registers(void *unused) {
    (void)unused;
    double expected = churn(200000);
    for (uint64_t turn = 1;; turn++) {
        if (churn(200000) != expected) {
            fail(REGISTERS, "a computation gave another result", 0);
        }
        atomic_store(&turns[REGISTERS], turn);
    }
    return NULL;
}

/* The child sees the parent's memory of the fork, and its own writes stay its own. */
static void *forked(void *unused) {
    (void)unused;
    size_t count = 64;
    unsigned char *memory = map(count * PAGE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    for (uint64_t turn = 1;; turn++) {
        memset(memory, (int)(turn & 0xff), count * PAGE);
        pid_t child = fork();
        if (child < 0) {
            fail(FORKED, "fork", errno);
        }
        if (child == 0) {
            for (size_t i = 0; i < count * PAGE; i++) {
                if (memory[i] != (turn & 0xff)) {
                    _exit(1);
                }
                memory[i] = 0;
            }
            _exit(0);
        }
        int status;
        while (waitpid(child, &status, 0) < 0) {
            if (errno != EINTR) {
                fail(FORKED, "waitpid", errno);
            }
        }
        if (status != 0 || memory[turn % (count * PAGE)] != (turn & 0xff)) {
            fail(FORKED, "a child saw other memory than its parent's", status);
        }
        atomic_store(&turns[FORKED], turn);
    }
    return NULL;
}

static void *watch(void *argument) {
    int loops = *(int *)argument;
    uint64_t seen[LOOPS + 1] = {0};
    uint64_t since[LOOPS + 1];
    for (int i = 0; i <= LOOPS; i++) {
        since[i] = now_nanos();
    }
    for (;;) {
        struct timespec pause = {0, 100000000};
        nanosleep(&pause, NULL);
        for (int i = 0; i <= LOOPS; i++) {
            uint64_t now = i < LOOPS ? atomic_load(&turns[i]) : atomic_load(&signals);
            if (now != seen[i] || (i < LOOPS && i >= loops)) {
                seen[i] = now;
                since[i] = now_nanos();
            } else if (now_nanos() - since[i] > HANG_SECONDS * 1000000000ull) {
                printf("FAIL %s: hangs in turn %llu\n", i < LOOPS ? NAME[i] : "signals",
                       (unsigned long long)now + 1);
                fflush(stdout);
                _exit(1);
            }
        }
    }
    return NULL;
}

static void start_timer(void) {
    struct sigaction action = {.sa_handler = count_signal, .sa_flags = SA_RESTART};
    sigaction(SIGUSR1, &action, NULL);
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    struct itimerspec every = {{0, 1000000000 / SIGNALS_PER_SECOND}, {0, 1000000000 / SIGNALS_PER_SECOND}};
    timer_t timer;
    if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0 || timer_settime(timer, 0, &every, NULL) != 0) {
        die("timer");
    }
}

int main(int argc, char **argv) {
    void *(*const body[LOOPS])(void *) = {create_and_join, create_and_lose, robust_private,
                                          robust_shared,   registers,       forked};
    int loops = number(argc, argv, "--fork", "0") ? LOOPS : LOOPS - 1;
    sigset_t end;
    sigemptyset(&end);
    sigaddset(&end, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &end, NULL);
    start_timer();
    pthread_t thread;
    start(&thread, exit_at_end_of_input, NULL);
    start(&thread, watch, &loops);
    for (int i = 0; i < loops; i++) {
        start(&thread, body[i], NULL);
    }
    printf("ready loops=%d\n", loops);
    fflush(stdout);
    int number;
    sigwait(&end, &number);
    printf("OK");
    for (int i = 0; i < loops; i++) {
        printf(" %s=%llu", NAME[i], (unsigned long long)atomic_load(&turns[i]));
    }
    printf(" signals=%llu\n", (unsigned long long)atomic_load(&signals));
    fflush(stdout);
    _exit(0);
}
