/* Has a userfaultfd(2) that it has not used yet. */
#include "common.h"

#include <linux/userfaultfd.h>
#include <sys/syscall.h>

int main(void) {
    long descriptor = syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
    if (descriptor < 0) {
        die("userfaultfd");
    }
    printf("ready descriptor=%ld\n", descriptor);
    fflush(stdout);
    wait_for_end_of_input();
    return 0;
}
