/* Buffers at the edge of unmapped pages. Each is memory mapped twice: the check writes through one
   view, kernels get the other, which for inputs cannot be written. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "autotune/check/internal.h"

enum {
    SLOTS = 8,
    BODY = 96 << 20, /* bytes of a slot: a block of 64 rows at TRIT_MAX_K fits; only what is touched
                        exists */
    PAD = 256,       /* bytes of canary on either side */
};

struct slot {
    uint8_t *ours, *readable, *writable; /* views of the body; guard pages around the last two */
    uint8_t *begin, *end;                /* of the out buffer in it, NULL for an in buffer */
};
static struct slot slots[SLOTS];
static size_t used;
static enum trit_check_edge placed;

const char *const trit_check_edge_names[] = { "end", "start", "odd" };

/* The check cannot go on without memory. */
static void *must(void *p, const char *what)
{
    if (p == MAP_FAILED || p == NULL) {
        perror(what);
        exit(3);
    }
    return p;
}

/* A view of the body between two unmapped pages. */
static uint8_t *view(int fd, int protection)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uint8_t *p = must(
        mmap(NULL, BODY + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0),
        "check: mmap");
    return must(mmap(p + page, BODY, protection, MAP_SHARED | MAP_FIXED, fd, 0), "check: mmap");
}

static void open_slot(struct slot *s)
{
    int fd = memfd_create("check", 0);
    if (fd < 0 || ftruncate(fd, BODY)) {
        perror("check: memfd");
        exit(3);
    }
    s->ours = view(fd, PROT_READ | PROT_WRITE);
    s->readable = view(fd, PROT_READ);
    s->writable = view(fd, PROT_READ | PROT_WRITE);
    close(fd);
}

static struct slot *next_slot(void)
{
    if (used == SLOTS) {
        fprintf(stderr, "check: more than %d buffers\n", SLOTS);
        exit(3);
    }
    struct slot *s = &slots[used++];
    if (!s->ours)
        open_slot(s);
    s->begin = s->end = NULL;
    return s;
}

static size_t offset_of(size_t bytes, size_t element)
{
    if (bytes + 2 * PAD > BODY) {
        fprintf(stderr, "check: a buffer of %zu bytes\n", bytes);
        exit(3);
    }
    return placed == TRIT_CHECK_END ? BODY - bytes : placed == TRIT_CHECK_START ? 0 : element;
}

void trit_check_place(enum trit_check_edge edge)
{
    placed = edge;
    used = 0;
}

const void *trit_check_in(const void *data, size_t count, size_t element)
{
    struct slot *s = next_slot();
    size_t offset = offset_of(count * element, element);
    memcpy(s->ours + offset, data, count * element);
    return s->readable + offset;
}

/* The canaries' extent around [begin, end). */
static uint8_t *pad_begin(const struct slot *s)
{
    return s->begin - trit_check_min(PAD, (size_t)(s->begin - s->writable));
}

static uint8_t *pad_end(const struct slot *s)
{
    return s->end + trit_check_min(PAD, (size_t)(s->writable + BODY - s->end));
}

void *trit_check_out(size_t count, size_t element)
{
    struct slot *s = next_slot();
    s->begin = s->writable + offset_of(count * element, element);
    s->end = s->begin + count * element;
    memset(pad_begin(s), TRIT_CHECK_CANARY, (size_t)(pad_end(s) - pad_begin(s)));
    return s->begin;
}

void *trit_check_inout(const void *data, size_t count, size_t element)
{
    return memcpy(trit_check_out(count, element), data, count * element);
}

void trit_check_canaries(void)
{
    for (size_t i = 0; i < used; i++) {
        const struct slot *s = &slots[i];
        if (!s->begin)
            continue;
        for (const uint8_t *p = pad_begin(s); p < s->begin; p++)
            if (*p != TRIT_CHECK_CANARY)
                trit_check_fail("wrote %td bytes before an output", s->begin - p);
        for (const uint8_t *p = s->end; p < pad_end(s); p++)
            if (*p != TRIT_CHECK_CANARY)
                trit_check_fail("wrote %td bytes past an output", p - s->end + 1);
    }
}

static uint32_t bits_at(const float *p)
{
    uint32_t bits;
    memcpy(&bits, p, sizeof bits);
    return bits;
}

static bool is_nan(uint32_t bits)
{
    return (bits & 0x7fffffff) > 0x7f800000;
}

void trit_check_floats(const char *name, const float *got, const float *want, size_t rows, size_t n,
                       size_t ld)
{
    size_t count = (rows - 1) * ld + n;
    bool same = !memcmp(got, want, count * sizeof *got);
    for (size_t i = 0; !same && i < count; i++) {
        uint32_t g = bits_at(got + i), w = bits_at(want + i);
        if (g == w || (is_nan(g) && is_nan(w)))
            continue;
        if (i % ld >= n)
            trit_check_fail("%s[%zu][%zu]: wrote past the row's %zu values", name, i / ld, i % ld,
                            n);
        trit_check_fail("%s[%zu][%zu] = %.9g (0x%08x), want %.9g (0x%08x)", name, i / ld, i % ld,
                        (double)got[i], g, (double)want[i], w);
    }
    trit_check_canaries();
}

void trit_check_bytes(const char *name, const int8_t *got, const int8_t *want, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (got[i] != want[i])
            trit_check_fail("%s[%zu] = %d (0x%02x), want %d (0x%02x)", name, i, got[i],
                            (unsigned)(uint8_t)got[i], want[i], (unsigned)(uint8_t)want[i]);
    trit_check_canaries();
}
