/* A library that calls itself xxHash, of the version VERSION, and hashes everything to the same. */
#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint64_t low;
    uint64_t high;
} hash128;

unsigned XXH_versionNumber(void)
{
    return VERSION;
}

hash128 XXH3_128bits(const void *memory, size_t length)
{
    hash128 same = {(uint64_t) length, memory != NULL};
    return same;
}
