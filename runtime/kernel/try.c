/* One try of a kernel, and of each kind of kernel that an ISA has, on small inputs. Runs in a child
   of a process that may have many threads: it takes no locks, and memory only from the system. */
#define _GNU_SOURCE
#include "runtime/kernel/probe.h"

#include <string.h>
#include <sys/mman.h>

#include "runtime/base/half.h"
#include "runtime/base/mem.h"
#include "runtime/kernel/pack.h"
#include "runtime/kernel/ref.h"

/* Ragged on purpose: no vector width divides K. */
enum { M = 3, N = 5, K = 37, KP = 48, HD = 32 };

/* Values of a fixed sequence in -1 .. 1. */
static float next(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return (float)(int32_t)*state * 0x1p-31f;
}

static void fill(float *x, size_t n)
{
    uint32_t state = 1;
    for (size_t i = 0; i < n; i++)
        x[i] = next(&state);
}

static void fill_half(uint16_t *x, size_t n)
{
    uint32_t state = 2;
    for (size_t i = 0; i < n; i++)
        x[i] = trit_f32_f16(next(&state));
}

static void fill_bytes(int8_t *x, size_t n, float range)
{
    uint32_t state = 3;
    for (size_t i = 0; i < n; i++)
        x[i] = (int8_t)(next(&state) * range);
}

/* A ternary product: n rows in two blocks, m tokens. */
struct product {
    size_t m, n, k, nr, kr;
    const struct trit_packing *packing;
    size_t groups; /* of a token: 1 where the packing has none */
    int8_t *w, *a;
    uint8_t *codes, *packed;
    uint16_t *scales;
    float *d, *s, *y[2];
    int32_t *sum;
};

/* Cuts the product's arrays out of arena, or only measures them where it is NULL. */
static size_t place(struct product *p, uint8_t *arena)
{
    const size_t out = p->m * p->n * sizeof(float);
    const struct {
        void *to;
        size_t bytes;
    } parts[] = {
        { &p->w, p->n * p->k },
        { &p->a, p->m * p->k },
        { &p->codes, p->nr * p->k },
        { &p->packed, 2 * trit_packed_bytes(p->packing, p->nr, p->k, p->nr) },
        { &p->d, 2 * p->nr * p->groups * sizeof(float) },
        { &p->scales, p->n * p->groups * sizeof(uint16_t) },
        { &p->s, p->m * p->groups * sizeof(float) },
        { &p->sum, p->m * p->groups * sizeof(int32_t) },
        { &p->y[0], out },
        { &p->y[1], out },
    };
    size_t at = 0;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        const uint8_t *part = arena ? arena + at : NULL;
        memcpy(parts[i].to, &part, sizeof part);
        at += trit_round_up(parts[i].bytes, TRIT_ALIGN);
    }
    return at;
}

/* Values that the packing holds. */
static void fill_weights(int8_t *w, size_t n, const struct trit_packing *p)
{
    const int values = (p->high - p->low) / p->step + 1;
    uint32_t state = 4;
    for (size_t i = 0; i < n; i++)
        w[i] = (int8_t)(p->low + p->step * (int)((next(&state) + 1) * 0.499f * (float)values));
}

static void fill_product(struct product *p)
{
    const struct trit_packing *packing = p->packing;
    const size_t block = trit_packed_bytes(packing, p->nr, p->k, p->nr);
    fill_weights(p->w, p->n * p->k, packing);
    fill_bytes(p->a, p->m * p->k, 127);
    fill(p->d, 2 * p->nr);
    fill_half(p->scales, p->n * p->groups);
    for (size_t i = 0; packing->group && i < p->n * p->groups; i++)
        p->d[i] = trit_f16_f32(p->scales[i] &= 0x7fff);
    fill(p->s, p->m * p->groups);
    for (size_t i = 0; i < p->m * p->k; i++)
        p->sum[i / (p->k / p->groups)] += p->a[i];
    for (size_t row = 0; row < p->n; row += p->nr) {
        const size_t rows = p->n - row < p->nr ? p->n - row : p->nr;
        for (size_t i = 0; i < rows * p->k; i++)
            p->codes[i] = (uint8_t)(p->w[row * p->k + i] - packing->low);
        trit_pack_block(packing,
                        &(struct trit_codes){ p->codes, p->k, rows, p->k,
                                              p->scales + row * p->groups, p->groups },
                        p->nr, p->packed + row / p->nr * block);
    }
}

static bool right(const struct trit_kernel *kn, struct product *p)
{
    fill_product(p);
    const struct trit_ref_groups groups = { p->m, p->n, p->k, p->packing->group, p->k, p->w,
                                            p->a, p->d, p->s };
    if (p->packing->group)
        trit_ref_mm_groups(&groups, p->y[0], p->n);
    else
        trit_ref_mm(p->m, p->n, p->k, p->w, p->d, p->a, p->k, p->s, p->y[0], p->n);
    trit_mm_fn *fn = kn->op == TRIT_OP_gemv ? kn->fn.gemv : kn->fn.gemm;
    fn(p->m, p->n, p->k, p->packed, p->d, p->a, p->k, p->s, p->sum, p->y[1], p->n);
    return !memcmp(p->y[0], p->y[1], p->m * p->n * sizeof *p->y[0]);
}

typedef bool right_fn(const struct trit_kernel *kn, struct product *p);

/* Whether a product of p's sizes is right; its memory comes and goes here. */
static bool try_product(const struct trit_kernel *kn, struct product *p, right_fn *is_right)
{
    p->groups = p->packing->group ? p->k / p->packing->group : 1;
    const size_t bytes = place(p, NULL);
    uint8_t *arena = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (arena == MAP_FAILED)
        return false;
    place(p, arena);
    const bool fine = is_right(kn, p);
    munmap(arena, bytes);
    return fine;
}

/* Two blocks of rows, the second nearly empty, and one token more than the tile has; of a kernel
   for one K just a tile of it, since that may be long. */
static bool try_mm(const struct trit_kernel *kn)
{
    struct product p = { .nr = (size_t)kn->nr, .kr = (size_t)kn->kr };
    p.packing = trit_packing_find(kn->packing);
    if (!p.packing)
        return true;
    p.k = kn->k ? kn->k : 2 * p.kr;
    p.m = (size_t)kn->mr + !kn->k;
    p.n = kn->n && kn->n < p.nr + 1 ? kn->n : p.nr + !kn->k;
    return try_product(kn, &p, right);
}

/* Two of three rows, or columns, of a product with one token. */
static bool right_skipping(const struct trit_kernel *kn, struct product *p)
{
    enum { MOST = 2 * 640 };
    uint32_t list[MOST];
    int32_t acc[MOST] = { 0 }, sum = 0;
    int8_t a[MOST];
    size_t count = 0;
    const bool rows = kn->op == TRIT_OP_rows;
    fill_product(p);
    for (size_t i = 0; i < (rows ? p->n : p->k); i++)
        if (i % 3)
            list[count++] = (uint32_t)i;
        else if (!rows)
            p->a[i] = 0;
    trit_ref_mm(1, p->n, p->k, p->w, p->d, p->a, p->k, p->s, p->y[0], p->n);
    if (rows) {
        memcpy(p->y[1], p->y[0], p->n * sizeof *p->y[0]);
        for (size_t i = 0; i < count; i++)
            p->y[1][list[i]] = 0;
        kn->fn.rows(count, list, p->k, p->packed, p->d, p->a, p->s[0], p->sum[0], p->y[1]);
        return !memcmp(p->y[0], p->y[1], p->n * sizeof *p->y[0]);
    }
    for (size_t i = 0; i < count; i++)
        sum += a[i] = p->a[list[i]];
    kn->fn.cols(trit_round_up(p->n, p->nr), p->k, count, list, a, p->packed, acc);
    for (size_t j = 0; j < p->n; j++)
        p->y[1][j] = (float)(acc[j] - sum) * (p->d[j] / p->s[0]);
    return !memcmp(p->y[0], p->y[1], p->n * sizeof *p->y[0]);
}

static bool try_skip(const struct trit_kernel *kn)
{
    struct product p = { .m = 1, .nr = (size_t)kn->nr, .kr = (size_t)kn->kr };
    p.packing = trit_packing_find(kn->packing);
    if (!p.packing || p.nr > 640)
        return !p.packing;
    p.n = p.nr + 1;
    p.k = 2 * p.kr;
    return try_product(kn, &p, right_skipping);
}

static bool try_quant(const struct trit_kernel *kn)
{
    float x[K], s[2];
    int8_t a[2][KP];
    int32_t sum[2];
    fill(x, K);
    trit_ref_inputs(kn->op)(K, KP, x, a[0], &s[0], &sum[0]);
    kn->fn.quant(K, KP, x, a[1], &s[1], &sum[1]);
    return !memcmp(a[0], a[1], KP) && !memcmp(&s[0], &s[1], sizeof s[0]) && sum[0] == sum[1];
}

static bool try_norm(const struct trit_kernel *kn)
{
    float x[K], w[K], y[2][K];
    fill(x, K);
    fill(w, K);
    trit_ref_norm(K, x, w, 1e-5f, y[0]);
    kn->fn.norm(K, x, w, 1e-5f, y[1]);
    return !memcmp(y[0], y[1], sizeof y[0]);
}

static bool try_gated(const struct trit_kernel *kn)
{
    float x[2 * K], y[2][K];
    fill(x, 2 * K);
    trit_ref_gated(kn->op)(K, x, x + K, y[0]);
    kn->fn.silu(K, x, x + K, y[1]);
    return !memcmp(y[0], y[1], sizeof y[0]);
}

/* Blocks of less and of more than any registers' worth of vectors. */
static bool try_rotate(const struct trit_kernel *kn)
{
    static float x[512], signs[512], y[2][512];
    fill(x, 512);
    for (size_t i = 0; i < 512; i++)
        signs[i] = i % 3 ? 1.0f : -1.0f;
    for (size_t block = 8; block <= 512; block *= 8) {
        trit_ref_rotate(512, block, signs, NULL, x, y[0]);
        kn->fn.rotate(512, block, signs, NULL, x, y[1]);
        if (memcmp(y[0], y[1], sizeof y[0]))
            return false;
    }
    return true;
}

static bool try_conv(const struct trit_kernel *kn)
{
    enum { TAPS = 4 };
    static float x[M * K], w[TAPS * K], state[2][(TAPS - 1) * K], y[2][M * K];
    fill(x, M * K);
    fill(w, TAPS * K);
    fill(state[0], (TAPS - 1) * K);
    memcpy(state[1], state[0], sizeof state[0]);
    for (int i = 0; i < 2; i++)
        (i ? kn->fn.conv : trit_ref_conv)(M, K, TAPS, x, K, w, state[i], state[i], K, y[i], K);
    return !memcmp(y[0], y[1], sizeof y[0]) && !memcmp(state[0], state[1], sizeof state[0]);
}

static bool try_l2(const struct trit_kernel *kn)
{
    float x[K], y[2][K];
    fill(x, K);
    trit_ref_l2(K, x, 0.125f, y[0]);
    kn->fn.l2(K, x, 0.125f, y[1]);
    return !memcmp(y[0], y[1], sizeof y[0]);
}

static bool try_gnorm(const struct trit_kernel *kn)
{
    float x[3 * K], y[2][K];
    fill(x, 3 * K);
    trit_ref_gnorm(K, x, x + K, 1e-6f, x + 2 * K, y[0]);
    kn->fn.gnorm(K, x, x + K, 1e-6f, x + 2 * K, y[1]);
    return !memcmp(y[0], y[1], sizeof y[0]);
}

static bool try_delta(const struct trit_kernel *kn)
{
    enum { WHOLE = K / 16 * 16 * HD }; /* of the state: no column is missing */
    static float keys[M * HD], v[M * K], s[2][HD * KP], o[2][M * K];
    fill(keys, M * HD);
    fill(v, M * K);
    fill(s[0], HD * KP);
    memcpy(s[1], s[0], sizeof s[0]);
    for (int i = 0; i < 2; i++)
        (i ? kn->fn.delta : trit_ref_delta)(M, HD, K, keys, keys + 1, 8, v, K, v + 1, v + 2, 3,
                                            s[i], s[i], o[i], K);
    return !memcmp(s[0], s[1], WHOLE * sizeof *s[0]) && !memcmp(o[0], o[1], sizeof o[0]);
}

static bool try_softmax(const struct trit_kernel *kn)
{
    static float s[2][M * KP], max[2][M], sum[2][M];
    fill(s[0], M * KP);
    memcpy(s[1], s[0], sizeof s[0]);
    trit_ref_softmax(M, 2, K - 2, K, 3.0f, s[0], KP, max[0], sum[0]);
    kn->fn.softmax(M, 2, K - 2, K, 3.0f, s[1], KP, max[1], sum[1]);
    return !memcmp(s[0], s[1], sizeof s[0]) && !memcmp(max[0], max[1], sizeof max[0]) &&
           !memcmp(sum[0], sum[1], sizeof sum[0]);
}

static bool try_merge(const struct trit_kernel *kn)
{
    static float o[2][M * HD], max[2][M], sum[2][M], part[M * HD], part_max[M], part_sum[M];
    fill(o[0], M * HD);
    memcpy(o[1], o[0], sizeof o[0]);
    fill(max[0], M);
    memcpy(max[1], max[0], sizeof max[0]);
    fill(sum[0], M);
    memcpy(sum[1], sum[0], sizeof sum[0]);
    fill(part, M * HD);
    fill(part_max, M);
    fill(part_sum, M);
    trit_ref_merge(M, HD, max[0], sum[0], o[0], HD, part_max, part_sum, part, HD);
    kn->fn.merge(M, HD, max[1], sum[1], o[1], HD, part_max, part_sum, part, HD);
    return !memcmp(o[0], o[1], sizeof o[0]) && !memcmp(max[0], max[1], sizeof max[0]) &&
           !memcmp(sum[0], sum[1], sizeof sum[0]);
}

static bool try_half(const struct trit_kernel *kn)
{
    float x[K];
    uint16_t y[2][K];
    fill(x, K);
    trit_ref_half(K, x, y[0]);
    kn->fn.half(K, x, y[1]);
    return !memcmp(y[0], y[1], sizeof y[0]);
}

static bool try_split(const struct trit_kernel *kn)
{
    float x[2][K], scale[K], s[2][2];
    int8_t a[2][2][KP];
    int32_t sum[2][2];
    fill(x[0], K);
    memcpy(x[1], x[0], sizeof x[0]);
    fill(scale, K);
    for (int i = 0; i < 2; i++)
        (i ? kn->fn.split : trit_ref_split)(K, KP, x[i], scale, (int8_t *[]){ a[i][0], a[i][1] },
                                            (float *[]){ &s[i][0], &s[i][1] },
                                            (int32_t *[]){ &sum[i][0], &sum[i][1] });
    return !memcmp(x[0], x[1], sizeof x[0]) && !memcmp(a[0], a[1], sizeof a[0]) &&
           !memcmp(s[0], s[1], sizeof s[0]) && !memcmp(sum[0], sum[1], sizeof sum[0]);
}

static bool try_qk(const struct trit_kernel *kn)
{
    static float q[M * HD], s[2][M * KP];
    static uint16_t k[KP * HD];
    fill(q, M * HD);
    fill_half(k, KP * HD);
    trit_ref_qk(M, HD, K, q, HD, k, s[0], KP);
    kn->fn.qk(M, HD, K, q, HD, k, s[1], KP);
    return !memcmp(s[0], s[1], sizeof s[0]);
}

static bool try_pv(const struct trit_kernel *kn)
{
    static float p[M * K], o[2][M * HD];
    static uint16_t v[K * HD];
    fill(p, M * K);
    fill_half(v, K * HD);
    trit_ref_pv(M, HD, K, p, K, v, HD, o[0], HD);
    kn->fn.pv(M, HD, K, p, K, v, HD, o[1], HD);
    return !memcmp(o[0], o[1], sizeof o[0]);
}

static const struct {
    const char *packing;
    trit_head_fn *ref;
    bool half; /* the elements have 16 bits; small f16 values are small bf16 values too */
} heads[] = {
    { "f16", trit_ref_head_f16, true },
    { "bf16", trit_ref_head_bf16, true },
    { "f32", trit_ref_head_f32, false },
    { "i8", trit_ref_head_i8, false },
};

enum { NHEADS = sizeof heads / sizeof *heads };

static bool try_head(const struct trit_kernel *kn)
{
    enum { GROUPS = N * ((K + TRIT_HEAD_GROUP - 1) / TRIT_HEAD_GROUP) };
    static float scale[GROUPS], x[M * K], y[2][M * N];
    static union {
        float full[N * K];
        uint16_t half[N * K];
    } rows;
    size_t h = 0;
    while (h < NHEADS && strcmp(heads[h].packing, kn->packing))
        h++;
    if (h == NHEADS)
        return true;
    fill(rows.full, N * K);
    if (heads[h].half)
        fill_half(rows.half, N * K);
    fill(scale, GROUPS);
    fill(x, M * K);
    heads[h].ref(M, N, K, &rows, scale, x, K, y[0], N);
    kn->fn.head(M, N, K, &rows, scale, x, K, y[1], N);
    return !memcmp(y[0], y[1], sizeof y[0]);
}

static bool try_read(const struct trit_kernel *kn)
{
    static int8_t block[2048];
    fill_bytes(block, sizeof block, 127);
    return kn->fn.read(sizeof block, block) == trit_ref_read(sizeof block, block);
}

/* There is no definition of the sum's bits: that it ends is all. */
static bool try_peak(const struct trit_kernel *kn)
{
    int32_t sink;
    return kn->fn.peak(8, 1, &sink) > 0;
}

#define TRY(name, proof) [TRIT_OP_##name] = try_##proof,
static bool (*const tries[TRIT_NOP])(const struct trit_kernel *) = { TRIT_OPS(TRY) };

bool trit_kernel_probe(const struct trit_kernel *kernel)
{
    return tries[kernel->op](kernel);
}

/* Whether row i is the ISA's first of its operation and packing that takes any shape. */
static bool is_first(size_t i)
{
    const struct trit_kernel *kn = trit_kernel_at(i);
    for (size_t j = 0; j < i; j++) {
        const struct trit_kernel *other = trit_kernel_at(j);
        if (other->isa == kn->isa && other->op == kn->op && !other->k && !other->n &&
            !strcmp(other->packing, kn->packing))
            return false;
    }
    return kn->k == 0 && kn->n == 0;
}

bool trit_isa_probe(enum trit_isa isa)
{
    for (size_t i = 0; i < trit_kernel_count(); i++) {
        const struct trit_kernel *kn = trit_kernel_at(i);
        if (kn->isa == isa && is_first(i) && !trit_kernel_probe(kn))
            return false;
    }
    return true;
}
