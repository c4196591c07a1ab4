/* check --bench: what a call of each kernel takes at one representative shape. Weights rotate over
   more than twice the last-level cache, kernels take turns, the median is shown. For a look, not
   for a profile. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "autotune/check/internal.h"
#include "runtime/base/clock.h"
#include "runtime/base/mem.h"
#include "runtime/base/stats.h"
#include "runtime/cli/cli.h"
#include "runtime/cpu/cpu.h"
#include "runtime/kernel/pack.h"

enum {
    WIDTH = 2560,    /* N and K of matrices */
    LONG = 6912,     /* K of gates */
    TOKENS = 48,     /* M of gemm */
    ROWS = 512,      /* of the head, per call */
    HEAD = 128,      /* head dimension, and that of a delta's state */
    BLOCK = 1024,    /* of rotate */
    TAPS = 4,        /* of conv */
    PIECE = 1 << 20, /* bytes per call of read */
    ROUNDS = 4096,   /* k of peak */
    REPETITIONS = 15,
};
static const double least_time = 200e-6; /* of one sample */

/* What all calls work on. The pool is weights, turn says where in it. */
static struct {
    uint8_t *pool;
    size_t bytes, turn;
    float *x, *y, *ones;
    int8_t *a;
    int32_t *sums;
    uint32_t *list; /* every other number */
    float out[8];
    int32_t sink;
} data;

/* The next weights of the pool. */
static void *weights(size_t bytes)
{
    size_t places = data.bytes / bytes;
    return data.pool + bytes * (data.turn++ % places);
}

/* One call; returns its work: multiply-adds, or bytes, or 0 where only the time is of interest. One
   for each proof of the list of operations. */
typedef double call_fn(const struct trit_kernel *kernel);

static double call_mm(const struct trit_kernel *kernel)
{
    bool gemm = kernel->op == TRIT_OP_gemm;
    size_t m = gemm ? TOKENS : 1, n = kernel->n ? kernel->n : WIDTH,
           k = kernel->k ? kernel->k : WIDTH;
    size_t bytes = trit_packed_bytes(trit_packing_find(kernel->packing), n, k, (size_t)kernel->nr);
    trit_mm_fn *fn = gemm ? kernel->fn.gemm : kernel->fn.gemv;
    fn(m, n, k, weights(bytes), data.ones, data.a, k, data.ones, data.sums, data.y, n);
    return gemm ? (double)m * (double)n * (double)k : (double)bytes;
}

/* Half of the rows or columns. */
static double call_skip(const struct trit_kernel *kernel)
{
    const struct trit_packing *packing = trit_packing_find(kernel->packing);
    const size_t n = trit_round_up(WIDTH, (size_t)kernel->nr),
                 bytes = trit_packed_bytes(packing, n, WIDTH, (size_t)kernel->nr);
    if (kernel->op == TRIT_OP_rows)
        kernel->fn.rows(WIDTH / 2, data.list, WIDTH, weights(bytes), data.ones, data.a, 1.0f, 0,
                        data.y);
    else
        kernel->fn.cols(n, WIDTH, WIDTH / 2, data.list, data.a, weights(bytes), data.sums);
    return (double)bytes / 2;
}

static double call_quant(const struct trit_kernel *kernel)
{
    kernel->fn.quant(WIDTH, WIDTH, data.x, data.a, data.out, &data.sink);
    return 0;
}

static double call_norm(const struct trit_kernel *kernel)
{
    kernel->fn.norm(WIDTH, data.x, data.ones, 1e-5f, data.y);
    return 0;
}

static double call_gated(const struct trit_kernel *kernel)
{
    kernel->fn.silu(LONG, data.x, data.ones, data.y);
    return 0;
}

static double call_rotate(const struct trit_kernel *kernel)
{
    const size_t k = WIDTH / BLOCK * BLOCK;
    kernel->fn.rotate(k, BLOCK, data.ones, NULL, data.x, data.y);
    return 0;
}

static double call_conv(const struct trit_kernel *kernel)
{
    kernel->fn.conv(1, WIDTH, TAPS, data.x, WIDTH, data.ones, data.y, data.y, WIDTH,
                    data.y + TAPS * WIDTH, WIDTH);
    return 0;
}

static double call_l2(const struct trit_kernel *kernel)
{
    kernel->fn.l2(HEAD, data.x, 1.0f, data.y);
    return 0;
}

static double call_gnorm(const struct trit_kernel *kernel)
{
    kernel->fn.gnorm(HEAD, data.x, data.ones, 1e-5f, data.x, data.y);
    return 0;
}

/* One token; with beta 0 the state stays what it is. */
static double call_delta(const struct trit_kernel *kernel)
{
    const size_t bytes = HEAD * HEAD * sizeof(float);
    float *s = weights(bytes);
    data.out[0] = 0.0f;
    kernel->fn.delta(1, HEAD, HEAD, data.x, data.x, HEAD, data.x, HEAD, data.ones, data.out, 1, s,
                     s, data.y, HEAD);
    return 2.0 * (double)bytes;
}

static double call_softmax(const struct trit_kernel *kernel)
{
    kernel->fn.softmax(4, 4, TRIT_ATTN_CHUNK, TRIT_ATTN_CHUNK, 1.0f, data.y, TRIT_ATTN_CHUNK,
                       data.out, data.out + 4);
    return 0;
}

static double call_merge(const struct trit_kernel *kernel)
{
    kernel->fn.merge(4, HEAD, data.out, data.out + 4, data.y, HEAD, data.x, data.x, data.x, HEAD);
    return 0;
}

static double call_half(const struct trit_kernel *kernel)
{
    kernel->fn.half(WIDTH, data.x, (uint16_t *)(void *)data.y);
    return 0;
}

static double call_split(const struct trit_kernel *kernel)
{
    kernel->fn.split(TRIT_ATTN_CHUNK, TRIT_ATTN_CHUNK, data.y, data.ones,
                     (int8_t *[]){ data.a, data.a + TRIT_ATTN_CHUNK },
                     (float *[]){ data.out, data.out + 1 },
                     (int32_t *[]){ data.sums, data.sums + 1 });
    return 0;
}

static double call_qk(const struct trit_kernel *kernel)
{
    const uint16_t *k = weights(2 * HEAD * TRIT_ATTN_CHUNK);
    kernel->fn.qk(4, HEAD, TRIT_ATTN_CHUNK, data.x, HEAD, k, data.y, TRIT_ATTN_CHUNK);
    return 4.0 * HEAD * TRIT_ATTN_CHUNK;
}

static double call_pv(const struct trit_kernel *kernel)
{
    const uint16_t *v = weights(2 * HEAD * TRIT_ATTN_CHUNK);
    kernel->fn.pv(4, HEAD, TRIT_ATTN_CHUNK, data.x, TRIT_ATTN_CHUNK, v, HEAD, data.y, HEAD);
    return 4.0 * HEAD * TRIT_ATTN_CHUNK;
}

static double call_head(const struct trit_kernel *kernel)
{
    const char *type = kernel->packing;
    size_t element = strcmp(type, "i8") ? strcmp(type, "f32") ? 2 : 4 : 1;
    size_t bytes = ROWS * WIDTH * element;
    kernel->fn.head(1, ROWS, WIDTH, weights(bytes), data.ones, data.x, WIDTH, data.y, ROWS);
    return (double)bytes;
}

static double call_read(const struct trit_kernel *kernel)
{
    data.sink ^= (int32_t)kernel->fn.read(PIECE, weights(PIECE));
    return PIECE;
}

static double call_peak(const struct trit_kernel *kernel)
{
    return (double)kernel->fn.peak(ROUNDS, 1, &data.sink);
}

#define CALL(name, proof) [TRIT_OP_##name] = call_##proof,
static call_fn *const calls[TRIT_NOP] = { TRIT_OPS(CALL) };

/* 1e9 of the call's work per second; none: the time alone. */
static const char *const units[TRIT_NOP] = {
    [TRIT_OP_gemv] = "GB/s",   [TRIT_OP_rows] = "GB/s", [TRIT_OP_cols] = "GB/s",
    [TRIT_OP_head] = "GB/s",   [TRIT_OP_read] = "GB/s", [TRIT_OP_gemm] = "GMAC/s",
    [TRIT_OP_peak] = "GMAC/s", [TRIT_OP_qk] = "GMAC/s", [TRIT_OP_pv] = "GMAC/s",
    [TRIT_OP_delta] = "GB/s",
};

struct timing {
    const struct trit_kernel *kernel;
    double seconds[REPETITIONS], work; /* of one call */
};

/* Seconds per call, over as many calls as fill the least time. */
static double sample(struct timing *t)
{
    double begin = trit_now(), passed;
    size_t n = 0;
    do {
        t->work = calls[t->kernel->op](t->kernel);
        passed = trit_now() - begin;
        n++;
    } while (passed < least_time);
    return passed / (double)n;
}

static void report(struct timing *t)
{
    trit_sort(t->seconds, REPETITIONS);
    double median = t->seconds[REPETITIONS / 2];
    printf("%-44s %12.0f ns", t->kernel->name, median * 1e9);
    if (units[t->kernel->op])
        printf(" %9.1f %s", t->work / median * 1e-9, units[t->kernel->op]);
    putchar('\n');
}

/* Exponents stay moderate whether the bytes are read as f16, bf16, f32 or codes. */
static bool prepare(size_t largest)
{
    data.bytes = trit_round_up(2 * trit_cpu_get()->l3 + ((size_t)64 << 20), PIECE);
    data.pool = trit_alloc(data.bytes, 1);
    data.x = trit_alloc(largest, sizeof *data.x);
    data.y = trit_alloc(TOKENS * largest, sizeof *data.y);
    data.ones = trit_alloc(ROWS * WIDTH / TRIT_HEAD_GROUP + largest, sizeof *data.ones);
    data.a = trit_alloc(TOKENS * largest, 1);
    data.sums = trit_alloc(largest, sizeof *data.sums);
    data.list = trit_alloc(WIDTH / 2, sizeof *data.list);
    if (!data.pool || !data.x || !data.y || !data.ones || !data.a || !data.sums || !data.list)
        return false;
    for (size_t i = 0; i < WIDTH / 2; i++)
        data.list[i] = (uint32_t)(2 * i);
    memset(data.pool, 0x28, data.bytes);
    for (size_t i = 0; i < largest; i++)
        data.x[i] = trit_check_float(TRIT_CHECK_NORMAL);
    for (size_t i = 0; i < ROWS * WIDTH / TRIT_HEAD_GROUP + largest; i++)
        data.ones[i] = 1.0f;
    return true;
}

void trit_check_bench(const struct trit_kernel *const *kernels, size_t n)
{
    size_t largest = 2 * LONG;
    for (size_t i = 0; i < n; i++)
        largest = kernels[i]->n + kernels[i]->k > largest ? kernels[i]->n + kernels[i]->k : largest;
    struct timing *timings = trit_alloc(n, sizeof *timings);
    if (timings && prepare(largest)) {
        for (size_t repetition = 0; repetition < REPETITIONS; repetition++)
            for (size_t i = 0; i < n; i++) {
                timings[i].kernel = kernels[i];
                timings[i].seconds[repetition] = sample(&timings[i]);
            }
        for (size_t i = 0; i < n; i++)
            report(&timings[i]);
    }
    free(timings);
    void *const all[] = { data.pool, data.x, data.y, data.ones, data.a, data.sums, data.list };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
}
