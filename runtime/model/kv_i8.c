/* The cache in int8, which is lossy: a scale for each position and KV head. A head's keys are the
   rows, a chunk's values (dimensions by positions) the matrix of products with quantised
   activations, so that the kernels of packing i8 serve: queries are quantised like any activation;
   probabilities, times their positions' scales, split into two such numbers. Exact sums in between,
   so the same bits everywhere, as with f16.

   A chunk of a head: the scales of its positions, then the packed codes. */
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/model/internal.h"
#include "runtime/model/kv.h"
#include "runtime/plan/pick.h"

enum { CHUNK = TRIT_ATTN_CHUNK, KR = 16 };

/* A chunk's positions are blocks of the kernel's rows, none of which goes on in the next chunk. */
static bool divides_chunks(const void *arg, const struct trit_kernel *kernel)
{
    (void)arg;
    return CHUNK % kernel->nr == 0 && kernel->kr == KR;
}

enum trit_code trit_kv_i8_pick(const struct trit_kernel **kernel, struct trit_error *error)
{
    *kernel = trit_pick_forced(
        &(struct trit_wish){ .op = TRIT_OP_gemm, .packing = "i8", .fits = divides_chunks });
    return *kernel ? TRIT_OK
                   : trit_fail(error, TRIT_EUNSUPPORTED,
                               "no kernel for the KV cache in int8 runs here");
}

/* Scales of values are kept so much larger: the quantiser's least maximum is then far below. */
static const float lift = 0x1p20f;

static size_t rows_per_block(const struct trit_model *model)
{
    return (size_t)model->ops.dot->nr;
}

enum { SCALES = CHUNK * sizeof(float) };

static size_t key_bytes(const struct trit_model *model)
{
    return trit_round_up(model->config.head_dim, KR);
}

/* Of a chunk's values. */
static size_t chunk_bytes(const struct trit_model *model)
{
    return trit_round_up(model->config.head_dim, rows_per_block(model)) * CHUNK;
}

static size_t k_bytes(const struct trit_model *model, size_t positions)
{
    return (positions + CHUNK - 1) / CHUNK * (SCALES + CHUNK * key_bytes(model));
}

static size_t v_bytes(const struct trit_model *model, size_t positions)
{
    return (positions + CHUNK - 1) / CHUNK * (SCALES + chunk_bytes(model));
}

/* Where in a block of nr rows of the packing (runtime/kernel/pack.h) column x of row r is. */
static size_t place(size_t nr, size_t r, size_t x)
{
    return x / KR * nr * KR + (x % KR / 4 * nr + r) * 4 + x % 4;
}

/* hd values as codes, at least -127 + 127; returns what a code stands for. Never infinite. */
static float encode(const struct trit_model *model, const float *x, float *bounded, int8_t *codes)
{
    const size_t hd = model->config.head_dim;
    float s;
    int32_t sum;
    for (size_t d = 0; d < hd; d++) {
        const float low = x[d] > -65504.0f ? x[d] : -65504.0f;
        bounded[d] = low < 65504.0f ? low : 65504.0f;
    }
    model->ops.quant->fn.quant(hd, key_bytes(model), bounded, codes, &s, &sum);
    for (size_t d = 0; d < key_bytes(model); d++)
        codes[d] = (int8_t)(uint8_t)(codes[d] + 127);
    return 1.0f / s;
}

static void store(const struct trit_model *model, struct trit_kv_head head, size_t position,
                  const float *k, const float *v, float *scratch)
{
    const size_t hd = model->config.head_dim, kp = key_bytes(model), nr = rows_per_block(model);
    int8_t *codes = (int8_t *)(scratch + hd);
    uint8_t *keys = head.k + SCALES + position / nr * nr * kp, *values = head.v + SCALES;
    ((float *)(void *)head.k)[position] = encode(model, k, scratch, codes);
    for (size_t d = 0; d < kp; d += 4)
        memcpy(keys + place(nr, position % nr, d), codes + d, 4);
    ((float *)(void *)head.v)[position] = encode(model, v, scratch, codes) * lift;
    for (size_t d = 0; d < hd; d++)
        values[d / nr * nr * CHUNK + place(nr, d % nr, position)] = (uint8_t)codes[d];
}

/* Rows of quantised activations. */
struct rows {
    int8_t *a; /* [rows][ld] */
    float *s;
    int32_t *sum;
    size_t ld;
};

struct memory {
    struct rows q, p; /* queries; the high parts of probabilities, then the low ones */
    float *o;         /* [2 * rows][hd]: what those give */
    float *unit;      /* of values, one for each dimension */
};

static size_t rows_bytes(size_t rows, size_t ld)
{
    return trit_round_up(rows * (ld + sizeof(float) + sizeof(int32_t)), TRIT_ALIGN);
}

static size_t scratch_bytes(const struct trit_model *model, size_t rows)
{
    const size_t hd = model->config.head_dim;
    return rows_bytes(rows, key_bytes(model)) + rows_bytes(2 * rows, CHUNK) +
           (2 * rows * hd + trit_round_up(hd, rows_per_block(model))) * sizeof(float);
}

static struct rows rows_at(uint8_t **next, size_t rows, size_t ld)
{
    uint8_t *at = *next;
    *next += rows_bytes(rows, ld);
    return (struct rows){ .a = (int8_t *)(at + rows * 8),
                          .s = (float *)(void *)at,
                          .sum = (int32_t *)(void *)(at + rows * 4),
                          .ld = ld };
}

static struct memory memory_of(const struct trit_tile *tile)
{
    uint8_t *next = tile->memory;
    struct memory m;
    m.q = rows_at(&next, tile->rows, key_bytes(tile->model));
    m.p = rows_at(&next, 2 * tile->rows, CHUNK);
    m.o = (float *)(void *)next;
    m.unit = m.o + 2 * tile->rows * tile->hd;
    return m;
}

static void open(const struct trit_tile *tile)
{
    const struct memory m = memory_of(tile);
    const size_t hd = tile->hd;
    for (size_t r = 0; r < tile->rows; r++)
        tile->model->ops.quant->fn.quant(hd, m.q.ld, tile->q + r * hd, m.q.a + r * m.q.ld,
                                         m.q.s + r, m.q.sum + r);
    for (size_t d = 0; d < trit_round_up(hd, rows_per_block(tile->model)); d++)
        m.unit[d] = 1.0f / lift;
}

static void scores(const struct trit_tile *tile, size_t first, size_t nt, struct trit_kv_head head)
{
    const struct memory m = memory_of(tile);
    const size_t kp = m.q.ld;
    tile->model->ops.dot->fn.gemm(tile->rows - first, nt, kp, head.k + SCALES,
                                  (const float *)(const void *)head.k, m.q.a + first * kp, kp,
                                  m.q.s + first, m.q.sum + first, tile->p, CHUNK);
}

/* m rows of parts times the values of nt positions. A chunk that is full is one matrix. */
static void weigh(const struct trit_tile *tile, const struct memory *mem, size_t m, size_t nt,
                  const uint8_t *values)
{
    const size_t hd = tile->hd, nr = rows_per_block(tile->model), k = trit_round_up(nt, KR),
                 most = k == CHUNK ? hd : nr;
    for (size_t d = 0; d < hd; d += most)
        tile->model->ops.dot->fn.gemm(m, hd - d < most ? hd - d : most, k, values + d * CHUNK,
                                      mem->unit, mem->p.a, CHUNK, mem->p.s, mem->p.sum, mem->o + d,
                                      hd);
}

static void values(const struct trit_tile *tile, size_t first, size_t nt, struct trit_kv_head head,
                   float *o)
{
    const struct memory m = memory_of(tile);
    const struct rows *p = &m.p;
    const size_t rows = tile->rows - first, n = rows * tile->hd;
    for (size_t r = 0, low = rows; r < rows; r++, low++)
        tile->model->ops.split->fn.split(
            nt, trit_round_up(nt, KR), tile->p + r * CHUNK, (const float *)(const void *)head.v,
            (int8_t *[]){ p->a + r * CHUNK, p->a + low * CHUNK },
            (float *[]){ p->s + r, p->s + low }, (int32_t *[]){ p->sum + r, p->sum + low });
    weigh(tile, &m, 2 * rows, nt, head.v + SCALES);
    for (size_t i = 0; i < n; i++)
        o[i] = m.o[i] + m.o[n + i];
}

const struct trit_kv_kind trit_kv_i8 = { "i8",  k_bytes, v_bytes, scratch_bytes,
                                         store, open,    scores,  values };
