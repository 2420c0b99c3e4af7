/*
 * The oracle: a writer whose memory at any instant follows from the highest sequence number in it.
 *
 * The region is one board page and then `pages` cells of 4 KiB. Cell p belongs to thread p % threads and
 * is that thread's page p / threads. A thread counts its writes from 1; in round r it visits its pages in
 * the order (a * k + r * c) mod m, where m is how many it has, a is prime to m, so that every round
 * visits every page once. Write n stores into SLOTS places of the page, in the fixed order below: the
 * number itself, then the last number of the thread before that this thread has seen (its cause), then
 * values made of number, page and seed. When the last store is done the number is published on the board.
 *
 * So of every thread at most one page is half written, as a prefix of the slot order; every other page is
 * known exactly; and no page names a cause that the board does not show. OracleCheck.java has the same
 * rules.
 */
#include "common.h"

#include <sys/wait.h>

#define SLOTS 16
#define MAX_THREADS 8
#define HUGE (2UL << 20)

/* Byte offsets of the slots in the order in which they are stored: first, last, middle, and then all over. */
static const unsigned SLOT_OFFSET[SLOTS] = {0,    4088, 2048, 1024, 3072, 512,  2560, 1536,
                                            3584, 256,  2304, 1280, 3328, 768,  2816, 1792};

/* One line of the board, and of the counters: alone on its cache line. */
struct line {
    _Atomic uint64_t writes;
    _Atomic uint64_t nanos;
    uint64_t unused[6];
};

static struct line *board;    /* inside the region */
static struct line *counters; /* outside it, shared with the test; line 0 is a header */
static unsigned char *cells;
static uint64_t pages, threads, seed, rate, fill;
static pthread_barrier_t ready;

static uint64_t gcd(uint64_t a, uint64_t b) {
    while (b != 0) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static uint64_t stride_of(uint64_t count) {
    uint64_t stride = count * 618 / 1000 + 1;
    while (gcd(stride, count) != 1) {
        stride++;
    }
    return stride % count;
}

static uint64_t mix(uint64_t write, uint64_t page) {
    uint64_t z = seed + write * 0x9E3779B97F4A7C15u + page * 0xC2B2AE3D27D4EB4Fu;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static void store(unsigned char *cell, unsigned slot, uint64_t value) {
    *(volatile uint64_t *)(cell + SLOT_OFFSET[slot]) = value;
}

static void write_page(uint64_t page, uint64_t write, uint64_t cause) {
    unsigned char *cell = cells + page * PAGE;
    uint64_t base = mix(write, page);
    store(cell, 0, write);
    store(cell, 1, base + 1);
    store(cell, 2, cause);
    store(cell, 3, base ^ (cause * 0x9E3779B97F4A7C15u));
    for (unsigned slot = 4; slot < SLOTS; slot++) {
        store(cell, slot, base + slot);
    }
}

static void pace(uint64_t write, uint64_t start_nanos) {
    uint64_t due = start_nanos + write * 1000000000u / rate;
    uint64_t now = now_nanos();
    if (due > now + 1000000) {
        uint64_t pause = due - now;
        struct timespec wait = {(time_t)(pause / 1000000000u), (long)(pause % 1000000000u)};
        nanosleep(&wait, NULL);
    }
}

static void *writer(void *argument) {
    uint64_t self = (uint64_t)(uintptr_t)argument;
    uint64_t before = (self + threads - 1) % threads;
    uint64_t count = (pages - self + threads - 1) / threads;
    uint64_t stride = stride_of(count);
    uint64_t shift = count / 3;
    uint64_t write = 0, origin = 0, unpaced = fill ? count : 0;
    uint64_t started = fill ? 0 : now_nanos();
    for (;;) {
        uint64_t index = origin;
        for (uint64_t k = 0; k < count; k++) {
            write++;
            uint64_t cause = atomic_load_explicit(&board[before].writes, memory_order_acquire);
            write_page(index * threads + self, write, cause);
            atomic_store_explicit(&board[self].writes, write, memory_order_release);
            index += stride;
            if (index >= count) {
                index -= count;
            }
            if (counters != NULL) {
                atomic_store_explicit(&counters[self + 1].writes, write, memory_order_relaxed);
                if (write % 64 == 0) {
                    atomic_store_explicit(&counters[self + 1].nanos, now_nanos(), memory_order_relaxed);
                }
            }
            if (rate != 0 && started != 0) {
                pace(write - unpaced, started);
            }
        }
        origin = (origin + shift) % count;
        if (started == 0) { /* the first round fills the memory, before the test is told that all is ready */
            pthread_barrier_wait(&ready);
            started = now_nanos();
        }
    }
    return NULL;
}

static struct {
    unsigned char *memory;
    size_t size;
} paged;

/* Takes the pages of the file out of memory again and again: they are written back first. */
static void *page_out(void *unused) {
    (void)unused;
    for (;;) {
        if (madvise(paged.memory, paged.size, MADV_PAGEOUT) != 0) {
            die("madvise(MADV_PAGEOUT)");
        }
    }
    return NULL;
}

/* What a child shares with its parent, the parent gets anew when it writes to it. */
static void *fork_for_ever(void *unused) {
    (void)unused;
    for (;;) {
        pid_t child = fork();
        if (child == 0) {
            _exit(0);
        }
        int status;
        if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
            die("a child");
        }
    }
    return NULL;
}

static unsigned char *allocate(const char *kind, size_t size) {
    unsigned char *memory;
    if (strcmp(kind, "anon") == 0) {
        memory = map(size, MAP_PRIVATE | MAP_ANONYMOUS, -1);
        madvise(memory, size, MADV_NOHUGEPAGE);
    } else if (strcmp(kind, "thp") == 0) {
        unsigned char *wide = map(size + HUGE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
        memory = (unsigned char *)(((uintptr_t)wide + HUGE - 1) & ~(HUGE - 1));
        if (memory > wide) {
            munmap(wide, (size_t)(memory - wide));
        }
        munmap(memory + size, (size_t)(wide + HUGE - memory));
        if (madvise(memory, size, MADV_HUGEPAGE) != 0) {
            die("madvise(MADV_HUGEPAGE)");
        }
    } else if (strcmp(kind, "memfd") == 0) {
        int fd = memfd_create("oracle", MFD_CLOEXEC);
        if (fd < 0 || ftruncate(fd, (off_t)size) != 0) {
            die("memfd_create");
        }
        memory = map(size, MAP_SHARED, fd);
        close(fd); /* it writes by its mapping only */
    } else if (strcmp(kind, "file") == 0 || strcmp(kind, "pagedout") == 0) { /* on the disk, if the directory is */
        char path[] = "target/oracle-XXXXXX";
        int fd = mkstemp(path);
        if (fd < 0 || unlink(path) != 0 || ftruncate(fd, (off_t)size) != 0) {
            die(path);
        }
        memory = map(size, MAP_SHARED, fd);
        close(fd);
        if (strcmp(kind, "pagedout") == 0) {
            pthread_t thread;
            paged.memory = memory;
            paged.size = size;
            start(&thread, page_out, NULL);
        }
    } else if (strcmp(kind, "hugetlb") == 0) {
        memory = map(size, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1);
    } else {
        errno = EINVAL;
        die(kind);
        return NULL;
    }
    return memory;
}

static void open_counters(const char *path) {
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        die(path);
    }
    counters = map(PAGE, MAP_SHARED, fd);
    close(fd);
}

int main(int argc, char **argv) {
    size_t size = number(argc, argv, "--size", "67108864") & ~(HUGE - 1);
    threads = number(argc, argv, "--threads", "1");
    seed = number(argc, argv, "--seed", "1");
    rate = number(argc, argv, "--rate", "0");
    fill = number(argc, argv, "--fill", "1");
    pages = size / PAGE - 1;
    if (size == 0 || threads < 1 || threads > MAX_THREADS) {
        errno = EINVAL;
        die("--size is a multiple of 2 MiB, --threads is 1 to 8");
    }
    const char *path = option(argc, argv, "--counters", "");
    if (*path != 0) {
        open_counters(path);
    }
    unsigned char *region = allocate(option(argc, argv, "--memory", "anon"), size);
    board = (struct line *)region;
    cells = region + PAGE;
    pthread_barrier_init(&ready, NULL, (unsigned)threads + 1);
    for (uint64_t i = 0; i < threads; i++) {
        pthread_t thread;
        start(&thread, writer, (void *)(uintptr_t)i);
    }
    if (fill) {
        pthread_barrier_wait(&ready);
    }
    if (number(argc, argv, "--fork", "0")) {
        pthread_t thread;
        start(&thread, fork_for_ever, NULL);
    }
    printf("ready address=%llu size=%llu page=%lu\n", (unsigned long long)(uintptr_t)region,
           (unsigned long long)size, PAGE);
    fflush(stdout);
    wait_for_end_of_input();
    return 0;
}
