// Threads that map, unmap, replace, move and discard the memory of small slots all the time, each slot its own mapping.
// slots KIND: "private" or "shared" anonymous memory. A slot's note says what each of its pages holds while nobody is at it:
// an odd turn means that somebody is.
#include "common.h"

#define SLOTS 192
#define SLOT_PAGES 4
#define THREADS 3
#define SLOT_BYTES (SLOT_PAGES * 4096L)
#define GUARD_INSTALL 102
#define GUARD_REMOVE 103

struct note {
    _Atomic uint64_t turn;
    uint64_t value; // of every page's first and last word; 0: empty
};

static char *slots, *spare;
static struct note *notes;
static int flags;
static _Atomic uint64_t next_value = 1;

static void fill(char *slot, uint64_t value) {
    for (int page = 0; page < SLOT_PAGES; page++) {
        uint64_t *words = (uint64_t *)(slot + page * 4096);
        words[0] = words[511] = value + page;
    }
}

static void map_slot(char *slot) {
    if (mmap(slot, SLOT_BYTES, PROT_READ | PROT_WRITE, flags | MAP_FIXED, -1, 0) != slot) {
        perror("mmap");
        _exit(1);
    }
}

static void move(char *from, char *to) {
    if (mremap(from, SLOT_BYTES, SLOT_BYTES, MREMAP_MAYMOVE | MREMAP_FIXED, to) != to) {
        perror("mremap");
        _exit(1);
    }
}

static void *work(void *argument) {
    long thread = (long)argument;
    uint64_t random = 0x9E3779B97F4A7C15u * (thread + 1);
    char *own = spare + thread * SLOT_BYTES;
    for (;;) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        long index = thread + THREADS * (random % (SLOTS / THREADS));
        char *slot = slots + index * SLOT_BYTES;
        struct note *note = notes + index;
        uint64_t value = atomic_fetch_add(&next_value, SLOT_PAGES) << 8;
        atomic_fetch_add(&note->turn, 1);
        switch (random >> 40 & 7) {
        case 0: // into a hole
            munmap(slot, SLOT_BYTES);
            map_slot(slot);
            fill(slot, note->value = value);
            break;
        case 1: // over what is there
            map_slot(slot);
            fill(slot, note->value = value);
            break;
        case 2:
            move(slot, own);
            move(own, slot);
            break;
        case 3:
            map_slot(slot);
            fill(slot, note->value = value);
            move(slot, own);
            move(own, slot);
            break;
        case 4:
            madvise(slot, SLOT_BYTES, flags & MAP_SHARED ? MADV_REMOVE : MADV_DONTNEED);
            note->value = 0;
            break;
        case 5: // guards in private memory only: in protected shared memory the kernel never ends to install them
            if (flags & MAP_PRIVATE && madvise(slot, SLOT_BYTES, GUARD_INSTALL) == 0) {
                madvise(slot, SLOT_BYTES, GUARD_REMOVE);
                fill(slot, note->value = value);
            }
            break;
        default:
            fill(slot, note->value = value);
        }
        atomic_fetch_add(&note->turn, 1);
    }
    return NULL;
}

int main(int argc, char **argv) {
    flags = MAP_ANONYMOUS | (argc > 1 && !strcmp(argv[1], "shared") ? MAP_SHARED : MAP_PRIVATE);
    slots = mmap(NULL, SLOTS * SLOT_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    spare = mmap(NULL, THREADS * SLOT_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    notes = mmap(NULL, SLOTS * sizeof *notes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < SLOTS; i++) {
        map_slot(slots + i * SLOT_BYTES);
    }
    for (long i = 0; i < THREADS; i++) {
        pthread_t thread;
        pthread_create(&thread, NULL, work, (void *)i);
    }
    printf("ready slots=%lu notes=%lu count=%d pages=%d\n", (unsigned long)slots, (unsigned long)notes, SLOTS, SLOT_PAGES);
    fflush(stdout);
    wait_for_end_of_input();
    return 0;
}
