/*
 * Memory that changes behind its page table. Each page of it holds its number and a generation in its first and last words;
 * "prepare" and "act" on standard input do what "--how" names, after which all pages are of the second generation, or gone.
 * Whatever shows the second generation in an image that was begun before "act" is of a later moment.
 */
#include "common.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define FEW 256

static size_t size;
static int fd = -1;
static unsigned char *memory;
static int to_child[2], from_child[2];

static void write_page(unsigned char *at, uint64_t page, uint64_t generation) {
    uint64_t word = generation << 32 | page;
    memcpy(at, &word, 8);
    memcpy(at + PAGE - 8, &word, 8);
}

static void fill(unsigned char *at, uint64_t generation) {
    for (uint64_t page = 0; page < size / PAGE; page++) {
        write_page(at + page * PAGE, page, generation);
    }
}

static void check(int ok, const char *what) {
    if (!ok) {
        die(what);
    }
}

static int memfd(const char *name, uint64_t generation) {
    int made = memfd_create(name, MFD_CLOEXEC);
    check(made >= 0 && ftruncate(made, (off_t)size) == 0, "memfd_create");
    if (generation > 0) {
        unsigned char *all = map(size, MAP_SHARED, made);
        fill(all, generation);
        munmap(all, size);
    }
    return made;
}

static unsigned char *sysv(uint64_t generation, void *where, int flags) {
    int id = shmget(IPC_PRIVATE, size, IPC_CREAT | 0600);
    check(id >= 0, "shmget");
    unsigned char *at = shmat(id, where, flags);
    shmctl(id, IPC_RMID, NULL);
    check(at != (void *)-1, "shmat");
    fill(at, generation);
    return at;
}

/* By descriptor. */

static void by_pwrite(void) {
    unsigned char page[PAGE];
    for (uint64_t n = 0; n < size / PAGE; n++) {
        memset(page, 0, PAGE);
        write_page(page, n, 2);
        check(pwrite(fd, page, PAGE, (off_t)(n * PAGE)) == (ssize_t)PAGE, "pwrite");
    }
}

/* One page alone: the least that can change. */
static void by_small_pwrite(void) {
    unsigned char page[PAGE] = {0};
    uint64_t some = size / PAGE / 4 * 3;
    write_page(page, some, 2);
    check(pwrite(fd, page, PAGE, (off_t)(some * PAGE)) == (ssize_t)PAGE, "pwrite");
}

static void by_punch(void) {
    check(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, (off_t)size) == 0, "fallocate");
}

static void by_truncate(void) {
    check(ftruncate(fd, 0) == 0 && ftruncate(fd, (off_t)size) == 0, "ftruncate");
}

static void by_sendfile(void) {
    int from = memfd("from", 2);
    off_t at = 0;
    lseek(fd, 0, SEEK_SET);
    while (at < (off_t)size) {
        check(sendfile(fd, from, &at, size) > 0, "sendfile");
    }
    close(from);
}

static void by_copy_file_range(void) {
    int from = memfd("from", 2);
    off_t in = 0, out = 0;
    while (out < (off_t)size) {
        check(copy_file_range(from, &in, fd, &out, size, 0) > 0, "copy_file_range");
    }
    close(from);
}

static void by_splice(void) {
    int from = memfd("from", 2), ends[2];
    off_t in = 0, out = 0;
    check(pipe(ends) == 0, "pipe");
    while (out < (off_t)size) {
        ssize_t some = splice(from, &in, ends[1], NULL, 1 << 16, 0);
        check(some > 0, "splice into the pipe");
        while (some > 0) {
            ssize_t moved = splice(ends[0], NULL, fd, &out, (size_t)some, 0);
            check(moved > 0, "splice out of the pipe");
            some -= moved;
        }
    }
    close(from);
}

/* Through other page tables. */

static void child_writes_and_ends(void) {
    pid_t child = fork();
    check(child >= 0, "fork");
    if (child == 0) {
        fill(memory, 2);
        _exit(0);
    }
    check(waitpid(child, NULL, 0) == child, "waitpid");
}

/* A child that does something when it is told to. */
static void start_child(void (*body)(void)) {
    check(pipe(to_child) == 0 && pipe(from_child) == 0, "pipe");
    pid_t parent = getpid(), child = fork();
    check(child >= 0, "fork");
    if (child == 0) {
        char byte;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        while (getppid() == parent && read(to_child[0], &byte, 1) == 1) {
            body();
            check(write(from_child[1], &byte, 1) == 1, "write");
        }
        _exit(0);
    }
}

static void tell_child(void) {
    char byte = 0;
    check(write(to_child[1], &byte, 1) == 1 && read(from_child[0], &byte, 1) == 1, "child");
}

static void inherited(void) {
    fill(memory, 2);
}

static void mapped_anew(void) {
    fill(map(size, MAP_SHARED, fd), 2);
}

static void mapped_for_a_moment(void) {
    unsigned char *again = map(size, MAP_SHARED, fd);
    fill(again, 2);
    munmap(again, size);
}

static void start_inheriting_child(void) {
    start_child(inherited);
}

static void start_mapping_child(void) {
    check(madvise(memory, size, MADV_DONTFORK) == 0, "MADV_DONTFORK");
    start_child(mapped_anew);
}

static void start_briefly_mapping_child(void) {
    check(madvise(memory, size, MADV_DONTFORK) == 0, "MADV_DONTFORK");
    start_child(mapped_for_a_moment);
}

/* Zaps that no event tells of. */

static void by_shm_remap(void) {
    sysv(2, memory, SHM_REMAP);
}

static void by_remap_file_pages(void) {
    for (uint64_t n = 0; n < FEW; n += 2) { /* swaps neighbours */
        check(syscall(SYS_remap_file_pages, memory + n * PAGE, PAGE, 0, n + 1, 0) == 0, "remap_file_pages");
        check(syscall(SYS_remap_file_pages, memory + (n + 1) * PAGE, PAGE, 0, n, 0) == 0, "remap_file_pages");
    }
    for (uint64_t n = 0; n < FEW; n++) {
        write_page(memory + n * PAGE, n ^ 1, 2);
    }
}

/* Few: while the sink takes nothing there is no room for more. */
static void own_writes(void) {
    for (uint64_t n = 0; n < FEW; n++) {
        write_page(memory + n * PAGE, n, 2);
    }
}

static void own_discard(void) {
    check(madvise(memory, size / 2, MADV_REMOVE) == 0, "MADV_REMOVE");
}

static void nothing(void) {}

static void close_descriptor(void) {
    close(fd);
}

static void mapped_once_more(void) {
    unsigned char *again = mremap(memory, 0, size, MREMAP_MAYMOVE);
    check(again != MAP_FAILED, "mremap");
    fill(again, 2);
    munmap(again, size);
}

static const struct how {
    const char *name;
    enum { MEMFD, HOLES, ANONYMOUS, PRIVATE, SYSV } kind;
    void (*first)(void);
    void (*prepare)(void);
    void (*act)(void);
} hows[] = {
    {"pwrite", MEMFD, nothing, nothing, by_pwrite},
    {"small-pwrite", MEMFD, nothing, nothing, by_small_pwrite},
    {"punch", MEMFD, nothing, nothing, by_punch},
    {"truncate", MEMFD, nothing, nothing, by_truncate},
    {"sendfile", MEMFD, nothing, nothing, by_sendfile},
    {"copy_file_range", MEMFD, nothing, nothing, by_copy_file_range},
    {"splice", MEMFD, nothing, nothing, by_splice},
    {"fork", ANONYMOUS, nothing, nothing, child_writes_and_ends},
    {"child", ANONYMOUS, nothing, start_inheriting_child, tell_child},
    {"mapper", MEMFD, start_mapping_child, nothing, tell_child},
    {"brief-mapper", MEMFD, start_briefly_mapping_child, nothing, tell_child},
    {"second", MEMFD, nothing, nothing, mapped_anew},
    {"brief-second", MEMFD, nothing, nothing, mapped_for_a_moment},
    {"shm-remap", PRIVATE, nothing, nothing, by_shm_remap},
    {"remap_file_pages", MEMFD, nothing, nothing, by_remap_file_pages},
    {"holes", HOLES, nothing, by_pwrite, nothing},
    {"sysv", SYSV, nothing, nothing, own_writes},
    {"brief-mremap", MEMFD, close_descriptor, nothing, mapped_once_more},
    {"own", MEMFD, close_descriptor, nothing, own_writes},
    {"own-open", MEMFD, nothing, nothing, own_writes},
    {"discard", MEMFD, close_descriptor, nothing, own_discard},
    {"nothing", MEMFD, nothing, nothing, nothing},
};

static void make(const struct how *how) {
    switch (how->kind) {
        case MEMFD:
        case HOLES:
            fd = memfd("behind", 0);
            memory = map(size, MAP_SHARED, fd);
            break;
        case ANONYMOUS:
            memory = map(size, MAP_SHARED | MAP_ANONYMOUS, -1);
            break;
        case PRIVATE:
            memory = map(size, MAP_PRIVATE | MAP_ANONYMOUS, -1);
            break;
        case SYSV:
            memory = sysv(1, NULL, 0);
            break;
    }
    if (how->kind == HOLES) { /* so that there is something in every block */
        for (uint64_t page = 0; page < size / PAGE; page += 512) {
            write_page(memory + page * PAGE, page, 2);
        }
    } else {
        fill(memory, 1);
    }
}

int main(int argc, char **argv) {
    const char *name = option(argc, argv, "--how", "nothing");
    size = number(argc, argv, "--size", "50331648");
    for (size_t i = 0; i < sizeof hows / sizeof *hows; i++) {
        const struct how *how = &hows[i];
        char line[64];
        if (strcmp(how->name, name) != 0) {
            continue;
        }
        make(how);
        how->first();
        printf("ready address=%llu pages=%llu\n", (unsigned long long)(uintptr_t)memory, (unsigned long long)(size / PAGE));
        fflush(stdout);
        while (fgets(line, sizeof line, stdin) != NULL) {
            line[0] == 'a' ? how->act() : how->prepare();
            printf("did %s", line);
            fflush(stdout);
        }
        return 0;
    }
    fprintf(stderr, "no way is called %s\n", name);
    return 1;
}
