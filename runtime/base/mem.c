/* Aligned blocks, mapped blocks on huge pages, and what the process holds resident. */
#define _GNU_SOURCE
#include "runtime/base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    HUGE_PAGE = 2 << 20,
    FEW = HUGE_PAGE / 4, /* bytes, which small pages hold at less cost than one huge page */
    GUARD = 1 << 16,     /* after each block: no two become one mapping, and no overrun goes far */
};

void *trit_alloc(size_t count, size_t size)
{
    size_t bytes;
    if (!trit_mul(count, size, &bytes) || bytes > SIZE_MAX - TRIT_ALIGN)
        return NULL;
    bytes = trit_round_up(bytes ? bytes : 1, TRIT_ALIGN);
    void *block = aligned_alloc(TRIT_ALIGN, bytes);
    if (block)
        memset(block, 0, bytes);
    return block;
}

void *trit_outgrow(void *old, size_t *have, size_t count, size_t size)
{
    if (count <= *have)
        return old;
    free(old);
    void *block = trit_alloc(count, size);
    *have = block ? count : 0;
    return block;
}

bool trit_grow(void *list, size_t *have, size_t n, size_t each)
{
    void **at = list;
    size_t bytes;
    if (n <= *have)
        return true;
    const size_t wanted = n < 32 ? 64 : n < SIZE_MAX / 2 ? 2 * n : n;
    void *grown = trit_mul(wanted, each, &bytes) ? realloc(*at, bytes) : NULL;
    if (!grown)
        return false;
    *at = grown;
    *have = wanted;
    return true;
}

/* Address space for bytes that starts on a huge page, in whole huge pages; NULL on failure. */
static uint8_t *reserve(size_t bytes)
{
    if (bytes == 0 || bytes > SIZE_MAX - 2 * (size_t)HUGE_PAGE)
        return NULL;
    /* One huge page more than asked, so that the block can start on a huge page. */
    size_t body = trit_round_up(bytes, HUGE_PAGE) + GUARD, room = body + HUGE_PAGE;
    uint8_t *raw = mmap(NULL, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (raw == MAP_FAILED)
        return NULL;
    size_t head = (HUGE_PAGE - (uintptr_t)raw % HUGE_PAGE) % HUGE_PAGE;
    if (head)
        munmap(raw, head);
    munmap(raw + head + body, HUGE_PAGE - head);
    return raw + head;
}

/* Maps fd (-1: nothing) over a reservation and asks for huge pages: refused, others serve. */
static void *map(int fd, size_t bytes, int protection, int flags)
{
    uint8_t *block = reserve(bytes);
    if (!block)
        return NULL;
    if (mmap(block, bytes, protection, flags | MAP_PRIVATE | MAP_FIXED, fd, 0) == MAP_FAILED) {
        trit_unmap(block, bytes);
        return NULL;
    }
    madvise(block, bytes, MADV_HUGEPAGE);
    return block;
}

void *trit_map(size_t bytes)
{
    if (bytes > SIZE_MAX - 2 * (size_t)HUGE_PAGE)
        return NULL;
    const size_t room = bytes % HUGE_PAGE < FEW ? bytes : trit_round_up(bytes, HUGE_PAGE);
    return map(-1, room, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_NORESERVE);
}

const void *trit_map_file(int fd, size_t bytes)
{
    return map(fd, bytes, PROT_READ, 0);
}

void trit_unmap(void *block, size_t bytes)
{
    if (block)
        munmap(block, trit_round_up(bytes, HUGE_PAGE) + GUARD);
}

static void advise(const void *data, size_t bytes, int advice)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const uintptr_t first = ((uintptr_t)data + page - 1) / page * page;
    const uintptr_t end = ((uintptr_t)data + bytes) / page * page;
    if (first < end)
        madvise((void *)first, end - first, advice);
}

void trit_map_read(const void *data, size_t bytes)
{
    enum { POPULATE_READ = 22 }; /* Linux 5.14; libc's headers may be older */
    advise(data, bytes, POPULATE_READ);
}

void trit_map_drop(const void *data, size_t bytes)
{
    advise(data, bytes, MADV_DONTNEED);
}

static size_t status_field(const char *name)
{
    FILE *f = fopen("/proc/self/status", "re");
    if (!f)
        return 0;
    char line[256];
    unsigned long kib = 0;
    size_t n = strlen(name);
    while (fgets(line, sizeof line, f))
        if (!strncmp(line, name, n) && sscanf(line + n, ": %lu kB", &kib) == 1)
            break;
    fclose(f);
    return (size_t)kib * 1024;
}

size_t trit_resident_peak(void)
{
    return status_field("VmHWM");
}

size_t trit_resident_now(void)
{
    return status_field("VmRSS");
}

/* Adds what a line of smaps says in kB to *sum if it is that field. */
static void add_field(const char *line, const char *name, size_t *sum)
{
    unsigned long kib;
    const size_t n = strlen(name);
    if (!strncmp(line, name, n) && sscanf(line + n, ": %lu kB", &kib) == 1)
        *sum += (size_t)kib * 1024;
}

void trit_resident_at(const void *block, size_t bytes, size_t *resident, size_t *huge)
{
    const uintptr_t first = (uintptr_t)block, end = first + bytes;
    uintptr_t low = 0, high = 0;
    char line[512];
    *resident = *huge = 0;
    FILE *f = fopen("/proc/self/smaps", "re");
    while (f && fgets(line, sizeof line, f)) {
        uintptr_t from, to;
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " ", &from, &to) == 2) {
            low = from; /* a field's name may begin like a number */
            high = to;
            continue;
        }
        if (low >= end || high <= first)
            continue;
        add_field(line, "Rss", resident);
        add_field(line, "AnonHugePages", huge);
        add_field(line, "FilePmdMapped", huge);
    }
    if (f)
        fclose(f);
}

size_t trit_resident_huge(void)
{
    char line[256];
    size_t huge = 0;
    FILE *f = fopen("/proc/self/smaps_rollup", "re");
    while (f && fgets(line, sizeof line, f)) {
        add_field(line, "AnonHugePages", &huge);
        add_field(line, "FilePmdMapped", &huge);
    }
    if (f)
        fclose(f);
    return huge;
}
