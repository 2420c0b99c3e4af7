/*
 * The load inside a virtual machine, linked statically: it writes pages in a pseudo-random order for ever
 * and verifies them, and says on standard output how far it is. What a page must hold follows from its
 * sequence number in a table elsewhere in memory: a page that went back, went forward or is torn is found.
 * Settings are words of the kernel's command line: load.mib, load.rate (operations a second of all
 * threads, 0 is flat out), load.threads. Guest.java reads the lines.
 */
#include "common.h"

#define THREADS_MAX 64
#define WORDS 8
#define REPORT_NANOS 20000000L
#define TICKS_A_SECOND 100

struct worker {
    _Alignas(64) _Atomic uint64_t steps; /* operations, each a verified and rewritten page */
    _Atomic uint64_t verified;           /* pages looked at */
    _Atomic uint64_t passes;             /* times that every page of this worker was looked at in turn */
    uint64_t first, count;               /* its pages; no other worker touches them */
};

static unsigned char *memory;
static uint64_t *sequences;
static uint64_t rate, threads;
static struct worker workers[THREADS_MAX];

/* A number from the kernel's command line. */
static uint64_t setting(const char *line, const char *name, uint64_t fallback) {
    const char *found = strstr(line, name);
    return found ? strtoull(found + strlen(name), NULL, 10) : fallback;
}

/* One word in each 512 bytes, the last at the page's very end. */
static volatile uint64_t *word_of(uint64_t page, int word) {
    size_t offset = word == WORDS - 1 ? PAGE - sizeof(uint64_t) : (size_t)word * 512;
    return (volatile uint64_t *)(memory + page * PAGE + offset);
}

/* The first word is the number itself, for whoever has to read a broken page; the others are its hash. */
static uint64_t content(uint64_t page, uint64_t sequence, int word) {
    uint64_t mixed = (sequence ^ page << 32) * 0x9e3779b97f4a7c15u;
    return word == 0 ? sequence : (mixed ^ mixed >> 29) + (uint64_t)word;
}

static void write_page(uint64_t page) {
    uint64_t sequence = ++sequences[page];
    for (int word = 0; word < WORDS; word++) {
        *word_of(page, word) = content(page, sequence, word);
    }
}

static void verify_page(uint64_t page) {
    uint64_t sequence = sequences[page];
    for (int word = 0; word < WORDS; word++) {
        uint64_t found = *word_of(page, word);
        if (found != content(page, sequence, word)) {
            static _Atomic int said;
            if (atomic_exchange(&said, 1) == 0) {
                printf("\nBROKEN page=%llu word=%d sequence=%llu found=%llx first=%llu\n",
                       (unsigned long long)page, word, (unsigned long long)sequence,
                       (unsigned long long)found, (unsigned long long)*word_of(page, 0));
                fflush(stdout);
                _exit(1);
            }
        }
    }
}

/* Waits for the tick that began last; ticks that were missed are not made up for. */
static void await_tick(uint64_t *next) {
    uint64_t tick = 1000000000u / TICKS_A_SECOND, now = now_nanos();
    *next = *next + tick > now ? *next + tick : now;
    struct timespec at = {(time_t)(*next / 1000000000u), (long)(*next % 1000000000u)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR) {
    }
}

static void *work(void *argument) {
    struct worker *own = argument;
    uint64_t random = 0x2545f4914f6cdd1du + own->first, cursor = 0, next = now_nanos();
    uint64_t ticks = 0;
    for (uint64_t step = 1;; step++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        uint64_t page = own->first + random % own->count;
        verify_page(page);
        write_page(page);
        verify_page(own->first + cursor);
        atomic_store_explicit(&own->verified, 2 * step, memory_order_relaxed);
        atomic_store_explicit(&own->steps, step, memory_order_relaxed);
        if (++cursor == own->count) {
            cursor = 0;
            atomic_fetch_add_explicit(&own->passes, 1, memory_order_relaxed);
        }
        while (rate != 0 && step >= ticks * rate / TICKS_A_SECOND / threads) {
            await_tick(&next);
            ticks++;
        }
    }
    return NULL;
}

static void report(void) {
    uint64_t then = now_nanos(), before = 0;
    for (;;) {
        struct timespec pause = {0, REPORT_NANOS};
        nanosleep(&pause, NULL);
        uint64_t steps = 0, verified = 0, passes = UINT64_MAX;
        for (uint64_t i = 0; i < threads; i++) {
            steps += atomic_load_explicit(&workers[i].steps, memory_order_relaxed);
            verified += atomic_load_explicit(&workers[i].verified, memory_order_relaxed);
            uint64_t own = atomic_load_explicit(&workers[i].passes, memory_order_relaxed);
            passes = own < passes ? own : passes;
        }
        uint64_t now = now_nanos(); /* after the counters: never more steps than the rate permits */
        printf("load step=%llu rate=%llu passes=%llu verified=%llu millis=%llu\n", (unsigned long long)steps,
               (unsigned long long)((double)(steps - before) * 1e9 / (double)(now - then)),
               (unsigned long long)passes, (unsigned long long)verified, (unsigned long long)(now / 1000000));
        fflush(stdout);
        before = steps;
        then = now;
    }
}

int main(void) {
    char line[4096] = {0};
    int fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, line, sizeof line - 1) <= 0) {
        die("/proc/cmdline");
    }
    close(fd);
    uint64_t pages = (setting(line, "load.mib=", 16) << 20) / PAGE;
    rate = setting(line, "load.rate=", 0);
    threads = setting(line, "load.threads=", 1);
    if (threads == 0 || threads > THREADS_MAX || pages < threads) {
        errno = EINVAL;
        die("load.threads or load.mib");
    }
    memory = map(pages * PAGE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    sequences = map(pages * sizeof *sequences, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    uint64_t started = now_nanos();
    for (uint64_t page = 0; page < pages; page++) {
        write_page(page);
    }
    printf("\nready pages=%llu millis=%llu\n", (unsigned long long)pages,
           (unsigned long long)((now_nanos() - started) / 1000000));
    fflush(stdout);
    for (uint64_t i = 0; i < threads; i++) {
        workers[i].first = pages / threads * i;
        workers[i].count = i + 1 == threads ? pages - workers[i].first : pages / threads;
        pthread_t thread;
        start(&thread, work, &workers[i]);
    }
    report();
}
