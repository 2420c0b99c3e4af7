/*
 * Mutexes that the kernel takes part in, each on a page of its own, in private and in shared memory, between
 * threads that lock them in all ways and now and then end with one: priority-inheritance, robust, and both. What
 * a mutex guards are two numbers that are equal while nobody holds it. A call that answers anything that it must
 * not, numbers that differ, and a thread that waits for more than 20 s print FAIL. SIGTERM ends it with a line
 * that begins with OK.
 */
#include "common.h"

#include <sched.h>
#include <signal.h>

#define HANG_SECONDS 20
#define SLOTS 6   /* threads at any moment */
#define PLACES 16 /* of each kind in each memory: few enough that they are fought for */

enum { INHERITING, ROBUST, BOTH, KINDS };
static const char *const NAME[KINDS] = {"inheriting", "robust", "both"};

struct place {
    pthread_mutex_t mutex;
    volatile uint64_t first;
    volatile uint64_t second;
    int kind;
} __attribute__((aligned(4096)));

static struct place *memory[2]; /* private, shared */
static _Atomic uint64_t turns[SLOTS];
static _Atomic uint64_t waits, deaths;

static void fail(int kind, const char *what, int value) {
    printf("FAIL %s: %s (%d: %s)\n", NAME[kind], what, value, strerror(value));
    fflush(stdout);
    _exit(1);
}

static void must(int kind, const char *what, int error) {
    if (error != 0) {
        fail(kind, what, error);
    }
}

static uint64_t next(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void make(struct place *place, int kind, int sharing) {
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    if (kind != ROBUST) {
        must(kind, "PTHREAD_PRIO_INHERIT", pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT));
    }
    if (kind != INHERITING) {
        must(kind, "PTHREAD_MUTEX_ROBUST", pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST));
    }
    pthread_mutexattr_setpshared(&attributes, sharing);
    must(kind, "pthread_mutex_init", pthread_mutex_init(&place->mutex, &attributes));
    place->kind = kind;
}

static int timed(struct place *place) {
    struct timespec deadline;
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += HANG_SECONDS;
    return pthread_mutex_timedlock(&place->mutex, &deadline);
}

/* Whether it is ours now. */
static int lock(struct place *place, uint64_t way) {
    int result = pthread_mutex_trylock(&place->mutex);
    if (result == EBUSY) {
        if (way == 0) {
            return 0;
        }
        atomic_fetch_add(&waits, 1);
        result = way == 1 ? timed(place) : pthread_mutex_lock(&place->mutex);
    }
    if (result == EOWNERDEAD && place->kind != INHERITING) {
        if (place->first != place->second + 1) {
            fail(place->kind, "what the dead one left is not half done", 0);
        }
        place->second = place->first;
        must(place->kind, "pthread_mutex_consistent", pthread_mutex_consistent(&place->mutex));
    } else {
        must(place->kind, "lock", result);
    }
    return 1;
}

/* Ends at some time with a mutex that it holds. */
static void *body(void *argument) {
    uint64_t slot = (uint64_t)(uintptr_t)argument;
    uint64_t random = (now_nanos() ^ slot << 56) | 1;
    for (;;) {
        struct place *place = &memory[next(&random) % 2][next(&random) % (KINDS * PLACES)];
        if (!lock(place, next(&random) % 3)) {
            continue;
        }
        if (place->first != place->second) {
            fail(place->kind, "two held it at once", 0);
        }
        place->first++;
        if (next(&random) % 4 == 0) { /* so that others come and wait in the kernel */
            sched_yield();
        }
        if (place->kind != INHERITING && next(&random) % 512 == 0) {
            atomic_fetch_add(&deaths, 1);
            return NULL;
        }
        place->second++;
        must(place->kind, "pthread_mutex_unlock", pthread_mutex_unlock(&place->mutex));
        atomic_fetch_add(&turns[slot], 1);
    }
}

static void *keep(void *slot) {
    for (;;) {
        pthread_t thread;
        start(&thread, body, slot);
        must(BOTH, "pthread_join", pthread_join(thread, NULL));
    }
    return NULL;
}

static void *watch(void *unused) {
    (void)unused;
    uint64_t seen[SLOTS] = {0};
    uint64_t since[SLOTS];
    for (int i = 0; i < SLOTS; i++) {
        since[i] = now_nanos();
    }
    for (;;) {
        struct timespec pause = {0, 100000000};
        nanosleep(&pause, NULL);
        for (int i = 0; i < SLOTS; i++) {
            uint64_t now = atomic_load(&turns[i]);
            if (now != seen[i]) {
                seen[i] = now;
                since[i] = now_nanos();
            } else if (now_nanos() - since[i] > HANG_SECONDS * 1000000000ull) {
                printf("FAIL slot %d hangs in turn %llu\n", i, (unsigned long long)now + 1);
                fflush(stdout);
                _exit(1);
            }
        }
    }
    return NULL;
}

int main(void) {
    sigset_t end;
    sigemptyset(&end);
    sigaddset(&end, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &end, NULL);
    size_t size = KINDS * PLACES * sizeof(struct place);
    memory[0] = map(size, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    memory[1] = map(size, MAP_SHARED | MAP_ANONYMOUS, -1);
    for (int i = 0; i < KINDS * PLACES; i++) {
        make(&memory[0][i], i % KINDS, PTHREAD_PROCESS_PRIVATE);
        make(&memory[1][i], i % KINDS, PTHREAD_PROCESS_SHARED);
    }
    pthread_t thread;
    start(&thread, exit_at_end_of_input, NULL);
    start(&thread, watch, NULL);
    for (uint64_t i = 0; i < SLOTS; i++) {
        start(&thread, keep, (void *)(uintptr_t)i);
    }
    printf("ready\n");
    fflush(stdout);
    int number;
    sigwait(&end, &number);
    printf("OK waits=%llu deaths=%llu\n", (unsigned long long)atomic_load(&waits),
           (unsigned long long)atomic_load(&deaths));
    fflush(stdout);
    _exit(0);
}
