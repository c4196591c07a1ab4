/* How fast a model will be, from what its passes read and multiply, what the machine can do, and
   what tritmill's kernels usually reach of that.

   A part of a pass takes a = bytes / read limit and b = multiply-adds / (int8 limit * share) where
   the other would take nothing. Memory is read ahead while it is multiplied, but neither hides the
   other altogether: sqrt(a^2 + b^2) is what was found. The shares are of `bench --profile-ops` on
   2B4T's and Bonsai's shapes, Zen 4, avx512vbmi and avx2, 1 and 2 threads, 2026-11-29. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "autotune/estimate/estimate.h"
#include "runtime/cpu/cpu.h"
#include "runtime/model/family.h"

enum { PROMPT = 512, CHUNK = 256, GENERATE = 128 };

/* Of the read limit, where nothing has to be multiplied. */
static const double READ_SHARE = 0.97;

/* Of the int8 limit, where nothing has to be read: one token, and many. The last row is for all
   others. */
static const struct share {
    const char *packing;
    double gemv, gemm;
} shares[] = {
    { "v5", 0.74, 0.83 },  { "t5", 0.74, 0.83 },  { "i4", 0.50, 0.80 },  { "t2", 0.97, 0.82 },
    { "t5g", 0.41, 0.82 }, { "v5g", 0.54, 0.82 }, { "t2g", 0.80, 0.81 }, { "t2h", 0.75, 0.78 },
    { "b1g", 0.72, 0.84 }, { "", 0.80, 0.80 },
};

/* Dense matrices, in binary32, with VNNI. */
static const struct share dense_share = { "", 0.07, 0.19 };

/* Attention's multiply-adds are in binary32; with the cache in int8 they are int8's. */
static const double attention_shares[TRIT_NKV] = { [TRIT_KV_F16] = 0.16, [TRIT_KV_I8] = 0.26 };

/* The delta rule's, in binary32: bonsai2-2b, Zen 4, avx512vbmi. */
static const double delta_share = 0.14;

/* A head, beside its positions: what as many more would take. */
enum { MORE_POSITIONS = 32 };

/* What a number that norms, gates and rotations pass takes, in int8 multiply-adds; and a parallel
   region, of which a layer has so many: seconds. */
static const double element_macs = 140, region_alone = 0.3e-6, region_shared = 1.7e-6;
enum { REGIONS = 10 };

static const struct share *share_of(const char *packing)
{
    const struct share *s = shares;
    while (*s->packing && strcmp(s->packing, packing) != 0)
        s++;
    return s;
}

struct trit_estimate_limits trit_estimate_kept(const struct trit_profile *profile, int threads)
{
    const struct trit_profile_limit *kept = profile ? trit_profile_limit(profile, threads) : NULL;
    struct trit_estimate_limits limits = { 0 };
    if (!kept || !(kept->read_gbs > 0) || !(kept->int8_gmacs > 0))
        return limits;
    limits.read_gbs = kept->read_gbs;
    limits.int8_gmacs = kept->int8_gmacs;
    snprintf(limits.source, sizeof limits.source, "%.500s", profile->path);
    return limits;
}

/* A pass of m tokens. */
struct pass {
    const struct trit_estimate *e;
    size_t m, position;
    bool cached; /* the caches keep the weights from pass to pass */
    double bytes, int8, seconds;
};

static double seconds_of(const struct pass *p, const struct trit_model_part *part)
{
    const struct trit_estimate_limits *l = &p->e->limits;
    double share, macs = (double)part->macs;
    if (part->packing) {
        const struct share *s = part->dense ? &dense_share : share_of(part->packing);
        share = p->m > 1 && !part->head ? s->gemm : s->gemv;
    } else if (part->delta) {
        share = delta_share;
    } else {
        share = attention_shares[p->e->kv];
        macs *= 1 + MORE_POSITIONS / (double)(p->position + (p->m > 1 ? 4 * p->m : 1));
    }
    const double read = p->cached ? 0 : (double)part->bytes * 1e-9 / (l->read_gbs * READ_SHARE);
    return hypot(read, macs * 1e-9 / (l->int8_gmacs * share));
}

/* Norms, gates, rotations, and the layers' regions. */
static double seconds_between(const struct pass *p)
{
    const struct trit_config *c = trit_model_config(p->e->outline);
    const size_t q = c->heads * c->head_dim, kv = c->kv_heads * c->head_dim,
                 mixed = trit_config_width(c, TRIT_MIXED) + trit_config_width(c, TRIT_INNER),
                 elements = p->m * (c->layers * (2 * c->hidden + c->ffn) +
                                    trit_config_attending(c) * (2 * q + 2 * kv) +
                                    trit_config_deltas(c) * 2 * mixed);
    const size_t threads = (size_t)p->e->threads, busy = p->m < threads ? p->m : threads;
    const double rate = p->e->limits.int8_gmacs * 1e9 * (double)busy / (double)threads;
    const double region = region_alone + (threads > 1 ? region_shared : 0);
    return (double)elements * element_macs / rate + (double)(c->layers * REGIONS) * region;
}

static void add_parts(struct pass *p, bool answer)
{
    struct trit_model_part part;
    for (size_t i = 0; trit_model_part(p->e->outline, i, p->m, p->position, &part); i++) {
        if (part.head && !answer)
            continue;
        p->bytes += (double)part.bytes;
        p->int8 += part.packing && !part.head && !part.dense ? (double)part.macs : 0;
        p->seconds += p->e->limits.int8_gmacs > 0 ? seconds_of(p, &part) : 0;
    }
    p->seconds += p->e->limits.int8_gmacs > 0 ? seconds_between(p) : 0;
}

/* Whether half of the L3 cache, which others use too, holds what a token reads. */
static bool fits_cache(const struct trit_estimate *e)
{
    struct pass p = { .e = e, .m = 1 };
    add_parts(&p, true);
    return p.bytes < (double)trit_cpu_get()->l3 / 2;
}

static void run_test(const struct trit_estimate *e, struct trit_estimate_test *t)
{
    struct pass p = { .e = e, .position = t->depth, .cached = fits_cache(e) };
    const size_t last = t->depth + t->n, step = t->decode ? 1 : CHUNK;
    for (; p.position < last; p.position += p.m) {
        p.m = last - p.position < step ? last - p.position : step;
        add_parts(&p, t->decode || p.position + p.m == last);
    }
    t->bytes = p.bytes / (double)t->n;
    t->int8 = p.int8 / (double)t->n;
    t->ts = p.seconds > 0 ? (double)t->n / p.seconds : 0;
    t->limit_ts = t->decode || t->int8 == 0 ? e->limits.read_gbs * 1e9 / t->bytes
                                            : e->limits.int8_gmacs * 1e9 / t->int8;
}

void trit_estimate_speeds(struct trit_estimate *e)
{
    const size_t c = e->context, prompt = c < PROMPT ? c : PROMPT,
                 gen = c < GENERATE ? c : GENERATE;
    const struct trit_estimate_test tests[TRIT_ESTIMATE_TESTS] = {
        { .n = prompt },
        { .decode = true, .n = gen },
        { .decode = true, .n = gen, .depth = c - gen }
    };
    e->ntests = 0;
    for (size_t i = 0; i < TRIT_ESTIMATE_TESTS && (i < 2 || c >= PROMPT); i++) {
        e->tests[i] = tests[i];
        run_test(e, &e->tests[i]);
        e->ntests++;
    }
}
