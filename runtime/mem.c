/* Aligned blocks, mapped blocks on huge pages, and what the process holds resident. */
#define _GNU_SOURCE
#include "runtime/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { HUGE_PAGE = 2 << 20 };

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

void *trit_map(size_t bytes)
{
    if (bytes == 0 || bytes > SIZE_MAX - 2 * (size_t)HUGE_PAGE)
        return NULL;
    /* One huge page more than asked, so that the block can start on a huge page. */
    size_t body = trit_round_up(bytes, HUGE_PAGE), room = body + HUGE_PAGE;
    uint8_t *raw = mmap(NULL, room, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (raw == MAP_FAILED)
        return NULL;
    size_t head = (HUGE_PAGE - (uintptr_t)raw % HUGE_PAGE) % HUGE_PAGE;
    if (head)
        munmap(raw, head);
    munmap(raw + head + body, HUGE_PAGE - head);
    madvise(raw + head, body, MADV_HUGEPAGE); /* refused: ordinary pages serve */
    return raw + head;
}

void trit_unmap(void *block, size_t bytes)
{
    if (block)
        munmap(block, trit_round_up(bytes, HUGE_PAGE));
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
