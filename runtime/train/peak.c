/* The binary32 peak: chains of multiply-adds in registers, as many as keep its pipes busy. */
#include "runtime/train/peak.h"

#include "runtime/base/clock.h"
#include "runtime/train/internal.h"

enum { ROUNDS = 1000000, SAMPLES = 9, CHAINS_MAX = 192 };

/* x[i] = x[i] * a + b for n constant chains, again and again. */
static inline __attribute__((always_inline)) void chain(size_t n, float *restrict x, float a,
                                                        float b)
{
    float v[CHAINS_MAX];
    for (size_t i = 0; i < n; i++)
        v[i] = x[i];
    for (size_t round = 0; round < ROUNDS; round++)
        for (size_t i = 0; i < n; i++)
            v[i] = __builtin_fmaf(v[i], a, b);
    for (size_t i = 0; i < n; i++)
        x[i] = v[i];
}

/* A kind of CPU: n chains in twelve of its vectors. */
struct way {
    size_t n;
    void (*run)(float *x, float a, float b);
};

#ifdef __x86_64__
__attribute__((target("avx512f"))) static void run_512(float *x, float a, float b)
{
    chain(192, x, a, b);
}

__attribute__((target("avx2,fma"))) static void run_256(float *x, float a, float b)
{
    chain(96, x, a, b);
}

/* Without fused ones. */
static void run_128(float *x, float a, float b)
{
    for (size_t round = 0; round < ROUNDS; round++)
        for (size_t i = 0; i < 48; i++)
            x[i] = x[i] * a + b;
}

static struct way way_here(void)
{
    if (__builtin_cpu_supports("avx512f"))
        return (struct way){ 192, run_512 };
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return (struct way){ 96, run_256 };
    return (struct way){ 48, run_128 };
}
#else
static void run_plain(float *x, float a, float b)
{
    chain(96, x, a, b);
}

static struct way way_here(void)
{
    return (struct way){ 96, run_plain };
}
#endif

static void run_chains(void *arg, size_t begin, size_t end, int thread)
{
    const struct way *way = arg;
    float x[CHAINS_MAX] = { (float)begin, (float)end, (float)thread };
    way->run(x, 0.5f, 1.0f);
    __asm__ volatile("" : : "r"(x) : "memory"); /* the result counts */
}

double trit_train_peak(struct trit_pool *pool)
{
    struct way way = way_here();
    const double work = 2.0 * ROUNDS * (double)way.n * trit_pool_threads(pool);
    double best = 0;
    for (size_t i = 0; i < SAMPLES; i++) {
        const double start = trit_now();
        trit_pool_meet(pool, run_chains, &way);
        const double speed = work / (trit_now() - start);
        best = speed > best ? speed : best;
    }
    return best / 1e9;
}

double trit_train_work(const struct trit_train_shape *s)
{
    const struct trit_train_widths w = trit_train_widths(s);
    const double layer = 2.0 * w.hidden * w.q + 2.0 * w.hidden * w.kv + 3.0 * w.hidden * w.ffn,
                 attention = 2.0 * w.q * ((double)s->context / 2),
                 head = (double)s->vocab * w.hidden;
    return 6 * (s->layers * (layer + attention) + head);
}
