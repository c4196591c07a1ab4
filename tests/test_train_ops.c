/* numbers: double
   Are rotations, gates, softmax and attention what they are defined as, and what goes back through
   them and through norms the derivatives of what went forward? An argument is another seed. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/random.h"
#include "runtime/train/internal.h"
#include "runtime/train/ops.h"

enum { MOST = 48 };
static const double step = 1e-5;

static uint64_t seed = 7, state;

static void fill(double *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = (double)(int64_t)(trit_random_next(&state) >> 10) * 0x1p-53 - 1;
}

static double dot(size_t n, const double *a, const double *b)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

static void same(const char *what, size_t n, const double *got, const double *wanted, double error)
{
    for (size_t i = 0; i < n; i++)
        if (!(fabs(got[i] - wanted[i]) <= error * fmax(1, fabs(wanted[i]))))
            fail_msg("%s, seed %llu: element %zu of %zu is %.12g, wanted %.12g", what,
                     (unsigned long long)seed, i, n, got[i], wanted[i]);
}

/* The derivatives of what f makes of arg, by the n numbers x of it. */
static void differences(double (*f)(const void *arg), const void *arg, size_t n, double *x,
                        double *d)
{
    for (size_t i = 0; i < n; i++) {
        const double middle = x[i];
        x[i] = middle + step;
        const double above = f(arg);
        x[i] = middle - step;
        d[i] = (above - f(arg)) / (2 * step);
        x[i] = middle;
    }
}

/* Whatever an operation takes: f is c times what it gives. */
struct row {
    size_t k;
    double x[MOST], w[MOST], c[MOST];
    enum trit_train_gate gate;
};

static void begin(struct row *r, size_t k)
{
    r->k = k;
    fill(r->x, k);
    fill(r->w, k);
    fill(r->c, k);
}

static double normed(const void *arg)
{
    const struct row *r = arg;
    double y[MOST];
    trit_train_norm(r->k, r->x, r->w, 1e-5, y);
    return dot(r->k, r->c, y);
}

/* Gradients are added to what is there. */
static void norms(void **unused)
{
    (void)unused;
    static const size_t sizes[] = { 1, 2, 15, 16, 37, 48 };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct row r;
        double dx[MOST], dw[MOST], wx[MOST], ww[MOST], before[MOST], y[MOST];
        begin(&r, sizes[i]);
        r.x[0] += r.x[0] < 0 ? -1 : 1; /* far from the bend at 0 */
        differences(normed, &r, r.k, r.x, wx);
        differences(normed, &r, r.k, r.w, ww);
        fill(before, r.k);
        memcpy(dx, before, sizeof dx);
        memcpy(dw, before, sizeof dw);
        const double inverse = trit_train_norm(r.k, r.x, r.w, 1e-5, y);
        trit_train_norm_back(&(struct trit_train_norm_back){ r.k, r.x, r.w, r.c, inverse, dx, dw });
        for (size_t j = 0; j < r.k; j++) {
            wx[j] += before[j];
            ww[j] += before[j];
        }
        same("inputs of a norm", r.k, dx, wx, 1e-7);
        same("weights of a norm", r.k, dw, ww, 1e-7);
    }
}

/* x is the gate. */
static void define_gate(const struct row *r, double *f)
{
    for (size_t i = 0; i < r->k; i++) {
        const double g = r->x[i];
        f[i] =
            (r->gate == TRIT_TRAIN_RELU2 ? fmax(g, 0) * fmax(g, 0) : g / (1 + exp(-g))) * r->w[i];
    }
}

static double gated(const void *arg)
{
    const struct row *r = arg;
    double f[MOST];
    trit_train_gate(r->gate, r->k, r->x, r->w, f);
    return dot(r->k, r->c, f);
}

/* dg may be in place of df. */
static void gates(void **unused)
{
    (void)unused;
    struct row r;
    double f[MOST], wanted[MOST], du[MOST];
    for (r.gate = TRIT_TRAIN_RELU2; r.gate <= TRIT_TRAIN_SILU; r.gate++) {
        begin(&r, MOST - 1);
        r.x[3] = r.x[MOST - 2] = 0;
        define_gate(&r, wanted);
        trit_train_gate(r.gate, r.k, r.x, r.w, f);
        same("a gate", r.k, f, wanted, 1e-14);
        struct trit_train_gate_back b = { r.k, r.x, r.w, f, f, du };
        memcpy(f, r.c, sizeof f);
        trit_train_gate_back(r.gate, &b);
        differences(gated, &r, r.k, r.x, wanted);
        same("a gate's inputs", r.k, f, wanted, 2 * step); /* relu^2 has a bend at 0 */
        differences(gated, &r, r.k, r.w, wanted);
        same("what a gate lets through", r.k, du, wanted, 1e-8);
    }
}

/* w are the angles. */
static double turned(const void *arg)
{
    const struct row *r = arg;
    double x[MOST], cosine[MOST], sine[MOST];
    memcpy(x, r->x, sizeof x);
    for (size_t i = 0; i < r->k / 2; i++) {
        cosine[i] = cos(r->w[i]);
        sine[i] = sin(r->w[i]);
    }
    trit_train_rope(r->k, cosine, sine, false, x);
    for (size_t i = 0; i < r->k / 2; i++) {
        const size_t j = i + r->k / 2;
        const double pair[2] = { r->x[i] * cosine[i] - r->x[j] * sine[i],
                                 r->x[i] * sine[i] + r->x[j] * cosine[i] };
        same("a pair turned", 2, (double[2]){ x[i], x[j] }, pair, 1e-15);
    }
    return dot(r->k, r->c, x);
}

static void ropes(void **unused)
{
    (void)unused;
    static const size_t sizes[] = { 2, 6, 32, 38 };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct row r;
        double wanted[MOST], cosine[MOST], sine[MOST];
        begin(&r, sizes[i]);
        differences(turned, &r, r.k, r.x, wanted);
        for (size_t j = 0; j < r.k / 2; j++) {
            cosine[j] = cos(r.w[j]);
            sine[j] = sin(r.w[j]);
        }
        trit_train_rope(r.k, cosine, sine, true, r.c);
        same("through rope", r.k, r.c, wanted, 1e-9);
    }
}

/* Element (i, j) of the matrix is 1 or -1 by the parity of i & j, over the root of the block. */
static void rotations(void **unused)
{
    (void)unused;
    for (size_t block = 1; block <= 16; block *= 2) {
        double x[MOST], y[MOST], wanted[MOST] = { 0 };
        fill(x, MOST);
        memcpy(y, x, sizeof y);
        for (size_t i = 0; i < MOST; i++)
            for (size_t j = 0; j < block; j++)
                wanted[i] += (__builtin_parityl(i % block & j) ? -1 : 1) *
                             x[i / block * block + j] / sqrt((double)block);
        trit_train_rotate(MOST, block, y);
        same("a rotation", MOST, y, wanted, 1e-14);
        trit_train_rotate(MOST, block, y);
        same("what is rotated twice", MOST, y, x, 1e-14);
    }
}

static double log_sum(const void *arg)
{
    const struct row *r = arg;
    double x[MOST];
    memcpy(x, r->x, sizeof x);
    return trit_train_softmax(r->k, x);
}

/* Probabilities are the derivatives of the logarithm of the sum. */
static void softmaxes(void **unused)
{
    (void)unused;
    for (size_t k = 1; k <= MOST; k++) {
        struct row r;
        double wanted[MOST], sum = 0;
        begin(&r, k);
        for (size_t i = 0; i < k; i++) {
            r.x[i] *= 9;
            sum += exp(r.x[i]);
        }
        const double log_of_sum = log(sum), got = log_sum(&r);
        same("the logarithm of a sum", 1, &got, &log_of_sum, 1e-14);
        differences(log_sum, &r, k, r.x, wanted);
        trit_train_softmax(k, r.x);
        same("a probability", k, r.x, wanted, 1e-8);
    }
}

/* Two sequences, the second block of queries a short one; two heads share a kv head. */
enum { SEQUENCES = 2, LENGTH = 131, HEADS = 4, KV_HEADS = 2, SIZE = 6 };

struct attention {
    struct trit_train_net *net;
    struct trit_train_pass pass;
    const double *c;
};

static double attended(const void *arg)
{
    const struct attention *a = arg;
    trit_train_attention(&a->pass);
    return dot(a->pass.m * HEADS * SIZE, a->c, a->net->room->layers[0].o);
}

/* Of query t of all, of a head. */
static void define_attention(const struct trit_train_kept *kept, size_t t, size_t head, double *o)
{
    const size_t first = t / LENGTH * LENGTH, kv = head / (HEADS / KV_HEADS);
    double p[LENGTH], sum = 0;
    for (size_t j = first; j <= t; j++) {
        p[j - first] = exp(
            dot(SIZE, kept->q + (t * HEADS + head) * SIZE, kept->k + (j * KV_HEADS + kv) * SIZE) /
            sqrt(SIZE));
        sum += p[j - first];
    }
    memset(o, 0, SIZE * sizeof *o);
    for (size_t j = first; j <= t; j++)
        for (size_t i = 0; i < SIZE; i++)
            o[i] += p[j - first] / sum * kept->v[(j * KV_HEADS + kv) * SIZE + i];
}

/* Differences by some numbers of x, each of which has its derivative in d. */
static void some(const char *what, const struct attention *a, size_t n, double *x, const double *d)
{
    for (int i = 0; i < 40; i++) {
        const size_t at = i < 4 ? (size_t)i * (n - 1) / 3 : trit_random_next(&state) % n;
        double wanted;
        differences(attended, a, 1, x + at, &wanted);
        same(what, 1, d + at, &wanted, 1e-8);
    }
}

static void attentions(void **unused)
{
    (void)unused;
    const struct trit_train_shape shape = { .family = TRIT_TRAIN_QWEN3,
                                            .vocab = 2,
                                            .hidden = 2,
                                            .ffn = 2,
                                            .layers = 1,
                                            .heads = HEADS,
                                            .kv_heads = KV_HEADS,
                                            .head_dim = SIZE,
                                            .context = LENGTH,
                                            .eps = 1e-5f,
                                            .rope_base = 1e4f };
    struct trit_pool *pool;
    struct trit_train_net net;
    assert_int_equal(trit_pool_create(&pool, 1, NULL), TRIT_OK);
    assert_int_equal(trit_train_net_create(&net, &shape, pool, SEQUENCES, NULL), TRIT_OK);
    struct attention a = { &net, { .net = &net, .n = SEQUENCES, .m = SEQUENCES * LENGTH }, NULL };
    const struct trit_train_kept *kept = net.room->layers;
    const size_t nq = a.pass.m * HEADS * SIZE, nk = a.pass.m * KV_HEADS * SIZE;
    double *c = malloc(nq * sizeof *c);
    a.c = c;
    fill(c, nq);
    fill(kept->q, nq);
    fill(kept->k, nk);
    fill(kept->v, nk);
    trit_train_attention(&a.pass);
    for (size_t i = 0; i < a.pass.m * HEADS; i++) {
        double o[SIZE];
        define_attention(kept, i / HEADS, i % HEADS, o);
        same("attention", SIZE, kept->o + i * SIZE, o, 1e-14);
    }
    memcpy(net.room->d.o, c, nq * sizeof *c);
    fill(net.room->d.k, nk); /* what was there does not count */
    fill(net.room->d.v, nk);
    a.pass.back = true;
    trit_train_attention(&a.pass);
    a.pass.back = false;
    some("queries", &a, nq, kept->q, net.room->d.q);
    some("keys", &a, nk, kept->k, net.room->d.k);
    some("values", &a, nk, kept->v, net.room->d.v);
    free(c);
    trit_train_net_free(&net);
    trit_pool_destroy(pool);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(norms),     cmocka_unit_test(gates),
                                        cmocka_unit_test(ropes),     cmocka_unit_test(rotations),
                                        cmocka_unit_test(softmaxes), cmocka_unit_test(attentions) };
    if (argc > 1)
        seed = strtoull(argv[1], NULL, 10);
    state = seed;
    print_message("seed %llu\n", (unsigned long long)seed);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
