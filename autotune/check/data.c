/* Random data for checks: memory, a seeded generator, and the kinds of values that find faults. */
#define _GNU_SOURCE
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "autotune/check/internal.h"
#include "runtime/base/half.h"
#include "runtime/base/random.h"

static const size_t scratch_bytes = (size_t)1 << 30; /* only what is touched exists */
static uint8_t *scratch;
static size_t scratch_used;
static uint64_t state;

const size_t trit_check_sizes[] = { 80,   100,  128,  255,  256,  768,   1536,
                                    2560, 3200, 4096, 6912, 8640, 11008, 0 };

/* The check cannot go on without memory. */
void *trit_check_unset(size_t count, size_t element)
{
    if (!scratch) {
        scratch = mmap(NULL, scratch_bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (scratch == MAP_FAILED) {
            perror("check: mmap");
            exit(3);
        }
    }
    size_t bytes = (count * element + 63) / 64 * 64;
    if (bytes > scratch_bytes - scratch_used) {
        fprintf(stderr, "check: out of scratch memory\n");
        exit(3);
    }
    uint8_t *p = scratch + scratch_used;
    scratch_used += bytes;
    return p;
}

void *trit_check_scratch(size_t count, size_t element)
{
    return memset(trit_check_unset(count, element), TRIT_CHECK_CANARY, count * element);
}

void trit_check_scratch_reset(void)
{
    scratch_used = 0;
}

uint64_t trit_check_random(void)
{
    return trit_random_next(&state);
}

void trit_check_seed(uint64_t seed)
{
    state = seed;
}

size_t trit_check_between(size_t low, size_t high)
{
    return low + (size_t)((trit_check_random() >> 32) * (high - low + 1) >> 32);
}

const struct trit_check_range trit_check_any = { INT8_MIN, 1, 256 };

/* Four of 16 bits from a draw: a modulo for each byte would take longer than most kernels. */
void trit_check_codes(int8_t *to, size_t n, struct trit_check_range range)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < n; i++, bits >>= 16) {
        if (i % 4 == 0)
            bits = trit_check_random();
        to[i] = (int8_t)(range.low + range.step * (int)((bits & 0xffff) * range.values >> 16));
    }
}

size_t trit_check_min(size_t a, size_t b)
{
    return a < b ? a : b;
}

static float with_sign(float x)
{
    return trit_check_random() >> 63 ? -x : x;
}

/* In [0, 1). */
static float uniform(void)
{
    return (float)(trit_check_random() >> 40) * 0x1p-24f;
}

static float normal(void)
{
    const uint64_t a = trit_check_random(), b = trit_check_random();
    const uint64_t sum = (a >> 32) + (uint32_t)a + (b >> 32) + (uint32_t)b; /* of four in [0, 1) */
    return (float)(int64_t)sum * 0x1p-32f - 2.0f;
}

static float denormal(void)
{
    return with_sign(trit_bits_f32((uint32_t)(trit_check_random() >> 40) & 0xffffff));
}

static float huge(void)
{
    return with_sign((1.0f + uniform()) * (trit_check_random() >> 63 ? 0x1p126f : 0x1p70f));
}

static float tiny(void)
{
    return with_sign((1.0f + uniform()) * (trit_check_random() >> 63 ? 0x1p-126f : 0x1p-80f));
}

static float zero(void)
{
    return with_sign(0.0f);
}

static float tie(void)
{
    return with_sign(0.5f * (float)trit_check_between(0, 254));
}

static float mixed(void)
{
    return trit_check_float((enum trit_check_kind)trit_check_between(0, TRIT_CHECK_MIXED - 1));
}

static float nonfinite(void)
{
    static const float values[] = { INFINITY, -INFINITY, NAN, -NAN };
    size_t i = trit_check_between(0, 40);
    return i < 4 ? values[i] : mixed();
}

const char *const trit_check_kind_names[] = { "normal", "denormal", "huge",  "tiny",
                                              "zero",   "ties",     "mixed", "nonfinite" };

float trit_check_float(enum trit_check_kind kind)
{
    static float (*const draw[])(
        void) = { normal, denormal, huge, tiny, zero, tie, mixed, nonfinite };
    return draw[kind]();
}

float *trit_check_array(size_t n, enum trit_check_kind kind)
{
    float *x = trit_check_unset(n, sizeof *x);
    for (size_t i = 0; i < n; i++)
        x[i] = trit_check_float(kind);
    return x;
}

/* Half of them about 1, half any bits, denormals included. */
uint16_t *trit_check_f16(size_t n)
{
    uint16_t *x = trit_check_unset(n, sizeof *x);
    for (size_t i = 0; i < n; i++) {
        uint16_t any = (uint16_t)trit_check_random();
        bool plain = trit_check_random() >> 63 || (any & 0x7c00) == 0x7c00;
        x[i] = plain ? trit_f32_f16(normal()) : any;
    }
    return x;
}
