/* One try of each kind of kernel that an ISA has, on small inputs. Runs in a child of a process
   that may have many threads: it takes no locks and no memory. */
#include "runtime/cpu.h"

#include <string.h>

#include "runtime/half.h"
#include "runtime/kernel.h"
#include "runtime/ref.h"

/* Ragged on purpose: no vector width divides K. */
enum { M = 3, N = 5, K = 37, KP = 48, HD = 32, MR_MAX = 16, NR_MAX = 64, KR_MAX = 256 };

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

/* Two blocks of rows, the second nearly empty; one token more than the tile has. */
static bool try_mm(const struct trit_kernel *kn)
{
    static int8_t w[(NR_MAX + 1) * 2 * KR_MAX], a[(MR_MAX + 1) * 2 * KR_MAX];
    static uint8_t packed[2 * NR_MAX * 2 * KR_MAX / 4];
    static float d[2 * NR_MAX], s[MR_MAX + 1], y[2][(MR_MAX + 1) * (NR_MAX + 1)];
    static int32_t sum[MR_MAX + 1];
    if (kn->mr > MR_MAX || kn->nr > NR_MAX || kn->kr > KR_MAX)
        return true;
    size_t m = (size_t)kn->mr + 1, nr = (size_t)kn->nr, n = nr + 1, k = 2 * (size_t)kn->kr;
    fill_bytes(w, n * k, 1.99f);
    fill_bytes(a, m * k, 127);
    fill(d, 2 * nr);
    fill(s, m);
    for (size_t i = 0; i < m * k; i++)
        sum[i / k] = a[i] + (i % k ? sum[i / k] : 0);
    trit_ref_pack_t2(n, k, w, nr, (size_t)kn->kr, packed);
    trit_ref_mm(m, n, k, w, d, a, k, s, y[0], n);
    trit_mm_fn *fn = kn->op == TRIT_OP_gemv ? kn->fn.gemv : kn->fn.gemm;
    fn(m, n, k, packed, d, a, k, s, sum, y[1], n);
    return !memcmp(y[0], y[1], m * n * sizeof *y[0]);
}

static bool try_quant(const struct trit_kernel *kn)
{
    float x[K], s[2];
    int8_t a[2][KP];
    int32_t sum[2];
    fill(x, K);
    trit_ref_quant(K, KP, x, a[0], &s[0], &sum[0]);
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

static bool try_relu2(const struct trit_kernel *kn)
{
    float x[2 * K], y[2][K];
    fill(x, 2 * K);
    trit_ref_relu2(K, x, x + K, y[0]);
    kn->fn.relu2(K, x, x + K, y[1]);
    return !memcmp(y[0], y[1], sizeof y[0]);
}

static bool try_softmax(const struct trit_kernel *kn)
{
    float s[2][KP], max[2], sum[2];
    fill(s[0], KP);
    fill(s[1], KP);
    trit_ref_softmax(K, KP, 3.0f, s[0], &max[0], &sum[0]);
    kn->fn.softmax(K, KP, 3.0f, s[1], &max[1], &sum[1]);
    return !memcmp(s[0], s[1], sizeof s[0]) && !memcmp(&max[0], &max[1], sizeof max[0]) &&
           !memcmp(&sum[0], &sum[1], sizeof sum[0]);
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

static bool (*const tries[TRIT_NOP])(const struct trit_kernel *) = {
    [TRIT_OP_gemv] = try_mm,   [TRIT_OP_gemm] = try_mm,     [TRIT_OP_quant] = try_quant,
    [TRIT_OP_norm] = try_norm, [TRIT_OP_relu2] = try_relu2, [TRIT_OP_softmax] = try_softmax,
    [TRIT_OP_qk] = try_qk,     [TRIT_OP_pv] = try_pv,       [TRIT_OP_head] = try_head,
    [TRIT_OP_read] = try_read, [TRIT_OP_peak] = try_peak,
};

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
        if (kn->isa == isa && tries[kn->op] && is_first(i) && !tries[kn->op](kn))
            return false;
    }
    return true;
}
