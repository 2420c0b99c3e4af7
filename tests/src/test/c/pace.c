// A writer that looks at the clock after every write and knows by itself how it fared: flat out, or with writes that
// are due at a rate. "mark" on the standard input begins the time that "report" tells of.
#include "common.h"

enum { WINDOWS = 600000, BUCKETS = 200000 };
#define WINDOW_NANOS 1000000u
#define BUCKET_NANOS 10000u

static struct {
    char *memory;
    uint64_t pages, rate; /* rate 0 is flat out */
    _Atomic uint64_t mark;
    _Atomic uint64_t longest;
    uint64_t began;
    uint32_t writes[WINDOWS];  /* by millisecond since the beginning */
    uint32_t waits[BUCKETS];   /* since the mark, from when a write was due, in steps of 10 us */
} pace;

static void *write_for_ever(void *unused) {
    uint64_t state = 88172645463325252u, last = now_nanos(), due = last, seen = 0;
    for (;;) {
        uint64_t now = last;
        if (pace.rate) {
            due += 1000000000u / pace.rate;
            while (now < due) {
                if (due - now > 100000) {
                    struct timespec rest = {0, (long)(due - now - 60000)};
                    nanosleep(&rest, NULL);
                }
                now = now_nanos();
            }
        } else {
            due = last;
        }
        state ^= state << 13, state ^= state >> 7, state ^= state << 17;
        *(volatile uint64_t *)(pace.memory + state % pace.pages * PAGE) = state;
        last = now_nanos();
        uint64_t window = (last - pace.began) / WINDOW_NANOS, wait = last - due;
        if (window < WINDOWS) {
            pace.writes[window]++;
        }
        uint64_t mark = atomic_load_explicit(&pace.mark, memory_order_acquire);
        if (mark != seen) {
            seen = mark;
            memset(pace.waits, 0, sizeof pace.waits);
            atomic_store(&pace.longest, 0);
        } else if (mark) {
            uint64_t bucket = wait / BUCKET_NANOS;
            pace.waits[bucket < BUCKETS ? bucket : BUCKETS - 1]++;
            if (wait > atomic_load_explicit(&pace.longest, memory_order_relaxed)) {
                atomic_store_explicit(&pace.longest, wait, memory_order_relaxed);
            }
        }
    }
    return unused;
}

static uint32_t median(uint64_t from, uint64_t end) {
    enum { MOST = 1 << 20 };
    static uint32_t histogram[MOST];
    memset(histogram, 0, sizeof histogram);
    for (uint64_t i = from; i < end; i++) {
        histogram[pace.writes[i] < MOST ? pace.writes[i] : MOST - 1]++;
    }
    uint64_t below = 0;
    uint32_t rate = 0;
    while ((below += histogram[rate]) * 2 < end - from) {
        rate++;
    }
    return rate;
}

static uint64_t quantile(uint64_t all, double part) {
    uint64_t below = 0, bucket = 0;
    while (bucket < BUCKETS && (double)(below += pace.waits[bucket]) < (double)all * part) {
        bucket++;
    }
    return (bucket + 1) * (BUCKET_NANOS / 1000);
}

/* The rate before is the median of the second before the mark. */
static void report(void) {
    uint64_t mark = (pace.mark - pace.began) / WINDOW_NANOS, end = (now_nanos() - pace.began) / WINDOW_NANOS, all = 0;
    if (end >= WINDOWS || mark < 1000) {
        errno = ERANGE;
        die("a report needs a second before the mark, and ten minutes are remembered");
    }
    uint32_t before = median(mark - 1000, mark);
    uint64_t slow = 0, writes = 0;
    for (uint64_t i = mark; i < end; i++) {
        slow += pace.writes[i] < before / 2;
        writes += pace.writes[i];
    }
    for (size_t i = 0; i < BUCKETS; i++) {
        all += pace.waits[i];
    }
    printf("report before_per_ms=%u after_per_ms=%llu slow_ms=%llu p50_us=%llu p99_us=%llu p999_us=%llu longest_us=%llu\n",
           before, (unsigned long long)(writes / (end - mark)), (unsigned long long)slow,
           (unsigned long long)quantile(all, 0.5), (unsigned long long)quantile(all, 0.99),
           (unsigned long long)quantile(all, 0.999), (unsigned long long)(pace.longest / 1000));
    fflush(stdout);
}

int main(int argc, char **argv) {
    pace.pages = number(argc, argv, "--mib", "1024") * 256;
    pace.rate = number(argc, argv, "--rate", "0");
    pace.memory = map(pace.pages * PAGE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    madvise(pace.memory, pace.pages * PAGE, MADV_NOHUGEPAGE);
    for (uint64_t page = 0; page < pace.pages; page++) {
        *(uint64_t *)(pace.memory + page * PAGE) = page + 1;
    }
    memset(pace.writes, 0, sizeof pace.writes);
    pace.began = now_nanos();
    pthread_t writer;
    start(&writer, write_for_ever, NULL);
    printf("ready pages=%llu\n", (unsigned long long)pace.pages);
    fflush(stdout);
    char word[32];
    while (fgets(word, sizeof word, stdin)) {
        if (!strncmp(word, "mark", 4)) {
            atomic_store_explicit(&pace.mark, now_nanos(), memory_order_release);
        } else {
            report();
        }
    }
    return 0;
}
