/* Making the head's planes: codes of all rows, and of each row how far the codes are from it.

   Plane 1 stands for a row e by p1[i] = (c[i] + 1/2) * d, plane 2 adds p2[i] = (c[i] + 1/2) * d/4
   for what is left: e - p1 lies in +-d/2 unless it was clipped, e - p1 - p2 in +-d/8. The bound
   that the search needs, of what is really stored, in 2-norms:

     r  >=  |e - p1|           after plane 1

     r  >=  |e - p1 - p2|      after plane 2

   binary32 computes t1[i] = e[i] - p1[i] with one rounding of the product and one of the
   difference, u = 2^-24 each. By the triangle inequality

     |e - p1|  <=  |t1| + u (|p1| + |t1|)

     |p1|      <=  |e| + |e - p1|

   so that r = |t1| + SLACK (|e| + |t1|), SLACK = 2^-20 = 16 u, leaves a factor of 8. Plane 2 does
   the same to t1 and gives t2:

     |e - p1 - p2|  <=  |t2| + u (|p1| + |t1| + |p2| + |t2|)

   An element is off by at most d/2, or by less than itself where it was clipped: |t1| <= 1.1 |e|,
   |p1| <= 2.1 |e|, |p2| <= 0.15 |e|, and the factor left is above 3.

   The norms themselves are sums of squares in binary32, 16 partial sums: their relative error is
   below (k/16 + 8) u, half of it in the root, and norm_of() adds 2 (k/16 + 8) u. Nothing overflows:
   rows whose step is not within 2^+-50 get the step 0, p1 = p2 = 0, and r >= |e| computed in
   binary64. Squares that underflow in another row are off by at most 2^-150 each, all of them by
   2^-75 sqrt(k) in the norm, which vanishes beside SLACK |e| >= 2^-69 sqrt(k). */
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "runtime/base/mem.h"
#include "runtime/head/internal.h"

enum { LANES = 16 };

/* A step in deviations of the row. For normal values, and just so for the rows of the small trained
   model, |e - p1| / |e| is 0.108 at 0.335 (its least), 0.112 at 0.375, 0.117 at 0.40, 0.130 at
   0.45; |e - p1 - p2| / |e| is 0.046, 0.035, 0.033, 0.033: what is clipped weighs more there. */
static const float step_of_deviation = 0.4f;
static const double SLACK = 0x1p-20;

/* Norms are of plane 1, and plane 2 may lie past it by d/8 in every element: 0.05 |e|. */
static const double NORM_ROOM = 1.0625;

/* At least the 2-norm, for values whose squares neither overflow nor underflow. */
static double norm_of(const float *v, size_t k)
{
    float p[LANES] = { 0 };
    size_t i = 0;
    for (; i + LANES <= k; i += LANES)
        for (size_t j = 0; j < LANES; j++)
            p[j] += v[i + j] * v[i + j];
    for (; i < k; i++)
        p[i % LANES] += v[i] * v[i];
    double sum = 0;
    for (size_t j = 0; j < LANES; j++)
        sum += (double)p[j];
    return sqrt(sum) * (1 + ((double)k / LANES + 8) * 0x1p-23);
}

/* At least the 2-norm, for all values that are finite. */
static double norm_slow(const float *v, size_t k)
{
    double sum = 0;
    for (size_t i = 0; i < k; i++)
        sum += (double)v[i] * (double)v[i];
    return sqrt(sum) * (1 + (double)k * 0x1p-50);
}

/* The least binary32 that is not below a value >= 0, or one more. */
static float round_up(double v)
{
    const float f = (float)v;
    return (double)f < v ? nextafterf(f, INFINITY) : f;
}

/* codes = those of e with 2 * half levels of a step d, counted from 0; e = what they leave. Values
   are at most sqrt(k) deviations, so that their codes fit an int before they are clipped. */
static void quantise(float *restrict e, size_t k, float d, int half, uint8_t *restrict codes)
{
    const float inverse = 1 / d, zero = (float)half - 0.5f, shift = (float)half;
    const int top = 2 * half - 1;
    for (size_t i = 0; i < k; i++) {
        int code = (int)(e[i] * inverse + shift); /* the floor where it is not negative */
        code = code > 0 ? code : 0;
        code = code < top ? code : top;
        codes[i] = (uint8_t)code;
        e[i] -= ((float)code - zero) * d;
    }
}

/* What becomes of a row. */
struct coded {
    float d, r, norm;
};

/* e: the row, overwritten; codes: those of the asked plane. */
static struct coded code_row(float *e, size_t k, int plane, uint8_t *codes)
{
    const double length = norm_of(e, k);
    const float d = (float)(length / sqrt((double)k)) * step_of_deviation;
    if (!(d > 0x1p-50f && d < 0x1p50f)) {
        memset(codes, plane ? 2 : 8, k);
        const float most = round_up(norm_slow(e, k));
        return (struct coded){ 0, most, most * 2 };
    }
    quantise(e, k, d, 8, codes);
    if (plane)
        quantise(e, k, d / 4, 2, codes);
    const double left = norm_of(e, k), r = left + SLACK * (length + left);
    return (struct coded){ d, round_up(r), round_up((length + r) * NORM_ROOM) };
}

/* A plane in the making. */
struct making {
    struct trit_head *head;
    int plane;
    uint8_t *w; /* of the plane; bounds: its r, then of the first plane d and norm */
    float *bounds, *d, *norm;
    uint8_t *room; /* per thread: a row as binary32; codes of NR rows; NR rows of the file */
    size_t codes_at, rows_at, room_bytes;
    atomic_size_t bad;
};

static void note_bad(struct making *m, size_t row)
{
    size_t bad = atomic_load(&m->bad);
    while (row < bad && !atomic_compare_exchange_weak(&m->bad, &bad, row))
        continue;
}

/* The block of NR rows from `row` on; returns the greatest norm. */
static float make_block(struct making *m, size_t row, uint8_t *room)
{
    struct trit_head *h = m->head;
    const struct trit_head_plane *p = &h->plane[m->plane];
    const size_t nr = (size_t)p->gemv->nr, rows = h->n - row < nr ? h->n - row : nr;
    const uint8_t *in = trit_rows_fetch(h->rows, row, rows, room + m->rows_at);
    float *e = (float *)(void *)room, most = 0;
    uint8_t *codes = room + m->codes_at;
    for (size_t i = 0; i < rows; i++, in += h->rows->row_bytes) {
        if (!trit_rows_finite(h->rows, in)) {
            note_bad(m, row + i);
            return 0;
        }
        trit_rows_decode(h->rows, in, e);
        const struct coded c = code_row(e, h->k, m->plane, codes + i * h->k);
        if (!m->plane)
            m->d[row + i] = c.d;
        m->bounds[row + i] = c.r;
        most = c.norm > most ? c.norm : most;
    }
    trit_pack_block(p->packing, &(struct trit_codes){ codes, h->k, rows, h->k, NULL, 0 }, nr,
                    m->w + row / nr * p->block);
    return most;
}

static void make_groups(void *arg, size_t begin, size_t end, int thread)
{
    struct making *m = arg;
    struct trit_head *h = m->head;
    const size_t nr = (size_t)h->plane[m->plane].gemv->nr;
    for (size_t group = begin; group < end; group++) {
        float most = 0;
        for (size_t i = 0; i < TRIT_HEAD_ROWS && group * TRIT_HEAD_ROWS + i < h->n; i += nr) {
            const float norm =
                make_block(m, group * TRIT_HEAD_ROWS + i, m->room + (size_t)thread * m->room_bytes);
            most = norm > most ? norm : most;
        }
        if (!m->plane)
            m->norm[group] = most;
    }
}

static bool allocate(struct making *m)
{
    const struct trit_head *h = m->head;
    const struct trit_head_plane *p = &h->plane[m->plane];
    const size_t nr = (size_t)p->gemv->nr;
    m->codes_at = trit_round_up(h->k * sizeof(float), TRIT_ALIGN);
    m->rows_at = m->codes_at + trit_round_up(nr * h->k, TRIT_ALIGN);
    m->room_bytes = trit_round_up(m->rows_at + nr * h->rows->row_bytes, TRIT_ALIGN);
    m->room = trit_alloc((size_t)trit_pool_threads(h->pool), m->room_bytes);
    m->w = trit_map(p->bytes);
    m->bounds = trit_alloc(p->bounds_bytes, 1);
    if (!m->room || !m->w || !m->bounds)
        return false;
    m->d = m->bounds + h->groups * TRIT_HEAD_ROWS;
    m->norm = m->d + h->groups * TRIT_HEAD_ROWS;
    return true;
}

size_t trit_plane_bytes(const struct trit_head_plane *p)
{
    return p->w ? p->bytes + p->bounds_bytes : 0;
}

size_t trit_head_plane_bytes(const struct trit_head *h)
{
    return trit_plane_bytes(&h->plane[0]);
}

void trit_head_forget(struct trit_head *head, int plane)
{
    struct trit_head_plane *p = &head->plane[plane];
    if (p->w && !p->cached) {
        trit_unmap((void *)(uintptr_t)p->w, p->bytes);
        free((void *)(uintptr_t)p->r);
    }
    p->w = NULL;
    p->r = NULL;
}

void trit_head_put(struct trit_head *head, int plane, const uint8_t *w, const float *bounds,
                   bool cached)
{
    struct trit_head_plane *p = &head->plane[plane];
    p->w = w;
    p->r = bounds;
    p->cached = cached;
    if (plane)
        return;
    head->d = bounds + head->groups * TRIT_HEAD_ROWS;
    head->norm = head->d + head->groups * TRIT_HEAD_ROWS;
    for (size_t i = 0; i < head->groups; i++)
        head->most = head->norm[i] > head->most ? head->norm[i] : head->most;
    for (size_t i = 0; i < head->groups * TRIT_HEAD_ROWS; i++) {
        float *reach = &head->reach[i / TRIT_HEAD_ROWS];
        *reach = p->r[i] > *reach ? p->r[i] : *reach;
    }
}

size_t trit_head_make(struct trit_head *head, int plane)
{
    struct making m = { .head = head, .plane = plane };
    atomic_init(&m.bad, SIZE_MAX);
    const bool room = allocate(&m);
    if (room)
        trit_pool_for(head->pool, head->groups, 1, make_groups, &m);
    free(m.room);
    if (room && m.bad == SIZE_MAX) {
        trit_head_put(head, plane, m.w, m.bounds, false);
        return SIZE_MAX;
    }
    trit_unmap(m.w, head->plane[plane].bytes);
    free(m.bounds);
    return m.bad;
}

uint64_t trit_head_layout(const struct trit_head *head, int plane)
{
    enum { K = 67, ROWS = TRIT_HEAD_ROWS };
    const struct trit_head_plane *p = &head->plane[plane];
    const size_t nr = (size_t)p->gemv->nr, block = trit_packed_bytes(p->packing, nr, K, nr);
    uint8_t codes[ROWS * K];
    struct coded coded[ROWS];
    uint32_t random = 1;
    for (size_t r = 0; r < nr; r++) {
        float e[K];
        for (size_t i = 0; i < K; i++) {
            random = random * 1664525 + 1013904223;
            e[i] = (float)((int32_t)random >> 8) * (i % 16 ? 1e-9f : 1e-8f) * (float)(r % 5);
        }
        coded[r] = code_row(e, K, plane, codes + r * K);
    }
    uint8_t *packed = trit_alloc(block, 1);
    if (!packed)
        return 0;
    trit_pack_block(p->packing, &(struct trit_codes){ codes, K, nr, K, NULL, 0 }, nr, packed);
    const uint64_t hash = XXH3_64bits(packed, block) ^ XXH3_64bits(coded, nr * sizeof *coded);
    free(packed);
    return hash | 1;
}
