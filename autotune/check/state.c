/* What recurrent layers and rotated weights need: rotate, conv, delta. */
#include <string.h>

#include "autotune/check/internal.h"
#include "runtime/base/mem.h"
#include "runtime/kernel/ref.h"

static size_t gap(void)
{
    return trit_check_between(0, 1) * trit_check_between(1, 20);
}

static enum trit_check_kind some_kind(void)
{
    return (enum trit_check_kind)trit_check_between(0, TRIT_CHECK_NKINDS - 1);
}

/* A rotation's numbers; signs that are NULL are none. */
struct rotation {
    size_t k, block;
    const float *before, *after, *x, *want;
};

static void rotate_once(const struct trit_kernel *kernel, const struct rotation *r, bool in_place,
                        enum trit_check_edge edge)
{
    trit_check_case("k=%zu block=%zu signs=%s%s%s edge=%s", r->k, r->block,
                    r->before ? "before " : "", r->after ? "after" : "",
                    in_place ? " in place" : "", trit_check_edge_names[edge]);
    trit_check_place(edge);
    const float *before = r->before ? trit_check_in(r->before, r->k, sizeof *before) : NULL,
                *after = r->after ? trit_check_in(r->after, r->k, sizeof *after) : NULL,
                *x = in_place ? NULL : trit_check_in(r->x, r->k, sizeof *x);
    float *y = in_place ? trit_check_inout(r->x, r->k, sizeof *y) : trit_check_out(r->k, sizeof *y);
    trit_check_enter();
    kernel->fn.rotate(r->k, r->block, before, after, in_place ? y : x, y);
    trit_check_leave();
    trit_check_floats("y", y, r->want, 1, r->k, r->k);
}

static const float *signs(size_t k)
{
    float *s = trit_check_scratch(k, sizeof *s);
    for (size_t i = 0; i < k; i++)
        s[i] = trit_check_random() >> 63 ? -1.0f : 1.0f;
    return s;
}

static void rotate_blocks(const struct trit_kernel *kernel, size_t k, size_t block,
                          enum trit_check_kind kind)
{
    for (int with = 0; with < 4; with++) {
        trit_check_scratch_reset();
        float *want = trit_check_scratch(k, sizeof *want);
        const struct rotation r = { .k = k,
                                    .block = block,
                                    .before = with & 1 ? signs(k) : NULL,
                                    .after = with & 2 ? signs(k) : NULL,
                                    .x = trit_check_array(k, kind),
                                    .want = want };
        trit_ref_rotate(k, block, r.before, r.after, r.x, want);
        for (unsigned edge = 0; edge < TRIT_CHECK_NEDGES; edge++)
            rotate_once(kernel, &r, (edge + (unsigned)with + k / block) % 2,
                        (enum trit_check_edge)edge);
    }
}

/* Every block up to 8192; the widths of a model of 27 G weights. */
void trit_check_rotate(const struct trit_kernel *kernel)
{
    static const size_t widths[][2] = {
        { 5120, 1024 }, { 6144, 1024 }, { 17408, 1024 }, { 8192, 4096 }
    };
    for (unsigned kind = 0; kind < TRIT_CHECK_NKINDS; kind++)
        for (size_t block = 1; block <= 8192; block *= 2) {
            const size_t blocks = block < 16 ? 40 / block : block < 1024 ? 3 : 1;
            for (size_t n = 1; n <= blocks; n += trit_check_quick ? 3 : 1)
                rotate_blocks(kernel, n * block, block, (enum trit_check_kind)kind);
        }
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++)
        rotate_blocks(kernel, widths[i][0], widths[i][1], TRIT_CHECK_NORMAL);
}

/* What becomes of a state: it is changed, another one gets what it would be, it is not wanted. */
enum next { SAME, OTHER, NONE, NNEXT };
static const char *const next_names[] = { "same", "other", "none" };

/* A state of `all` elements, the buffers for it, and what is wanted in it afterwards. */
struct state {
    size_t all;
    const float *before;
    float *want; /* scratch: begins as canaries, or as `before` where it is changed */
};

static float *wanted_state(struct state *s, enum next next)
{
    s->want = trit_check_scratch(s->all, sizeof *s->want);
    if (next == SAME)
        memcpy(s->want, s->before, s->all * sizeof *s->want);
    return next == NONE ? NULL : s->want;
}

/* Places (state, next). */
static const float *place_state(const struct state *s, enum next next, float **to)
{
    *to = next == SAME    ? trit_check_inout(s->before, s->all, sizeof **to)
          : next == OTHER ? trit_check_out(s->all, sizeof **to)
                          : NULL;
    return next == SAME ? *to : trit_check_in(s->before, s->all, sizeof **to);
}

static void conv_once(const struct trit_kernel *kernel, size_t m, size_t n, size_t taps,
                      enum next next)
{
    const size_t ldx = n + gap(), ldw = n + gap(), ldy = n + gap(), all = (m - 1) * ldy + n;
    const enum trit_check_kind kind = some_kind();
    trit_check_scratch_reset();
    struct state state = { .all = taps > 1 ? (taps - 2) * ldw + n : 1 };
    state.before = trit_check_array(state.all, kind);
    const float *inputs = trit_check_array(m * ldx, kind),
                *weights = trit_check_array(taps * ldw, kind / 2 * 2);
    float *want = trit_check_scratch(all, sizeof *want), *want_next = wanted_state(&state, next);
    trit_ref_conv(m, n, taps, inputs, ldx, weights, state.before, want_next, ldw, want, ldy);
    for (unsigned edge = 0; edge < TRIT_CHECK_NEDGES; edge++) {
        trit_check_case("m=%zu n=%zu taps=%zu ldx=%zu ldw=%zu ldy=%zu values=%s next=%s edge=%s", m,
                        n, taps, ldx, ldw, ldy, trit_check_kind_names[kind], next_names[next],
                        trit_check_edge_names[edge]);
        trit_check_place((enum trit_check_edge)edge);
        const float *x = trit_check_in(inputs, (m - 1) * ldx + n, sizeof *x),
                    *w = trit_check_in(weights, (taps - 1) * ldw + n, sizeof *w);
        float *y = trit_check_out(all, sizeof *y), *to;
        const float *from = place_state(&state, next, &to);
        trit_check_enter();
        kernel->fn.conv(m, n, taps, x, ldx, w, from, to, ldw, y, ldy);
        trit_check_leave();
        trit_check_floats("y", y, want, m, n, ldy);
        if (to && taps > 1)
            trit_check_floats("next", to, state.want, taps - 1, n, ldw);
    }
}

/* Channels around vectors and a strip of them; tokens to beyond the taps. */
void trit_check_conv(const struct trit_kernel *kernel)
{
    static const size_t taps[] = { 1, 2, 3, 4, 4, 4, TRIT_MAX_TAPS };
    static const size_t channels[] = { 255, 256, 257, 1024, 1100, 2048, 10240 };
    size_t c = 0;
    for (size_t n = 1; n <= 70; n += trit_check_quick ? 3 : 1)
        for (unsigned next = 0; next < NNEXT; next++, c++)
            conv_once(kernel, trit_check_between(1, 9), n, taps[c % (sizeof taps / sizeof *taps)],
                      (enum next)next);
    for (size_t i = 0; i < sizeof channels / sizeof *channels; i++)
        for (size_t m = 1; m <= 6; m += trit_check_quick ? 3 : 1)
            conv_once(kernel, m, channels[i], 4, (enum next)((i + m) % NNEXT));
}

/* The problem of a delta: data, and what is wanted. */
struct delta {
    size_t m, dk, dv, ldk, ldv, ldg, ldo;
    enum next next;
    const float *q, *k, *v, *decay, *beta;
    float *o;
    struct state s;
};

static void delta_once(const struct trit_kernel *kernel, const struct delta *d,
                       enum trit_check_edge edge)
{
    const size_t keys = (d->m - 1) * d->ldk + d->dk, gates = (d->m - 1) * d->ldg + 1;
    trit_check_place(edge);
    const float *q = trit_check_in(d->q, keys, sizeof *q),
                *k = trit_check_in(d->k, keys, sizeof *k),
                *v = trit_check_in(d->v, (d->m - 1) * d->ldv + d->dv, sizeof *v),
                *decay = trit_check_in(d->decay, gates, sizeof *decay),
                *beta = trit_check_in(d->beta, gates, sizeof *beta);
    float *o = trit_check_out((d->m - 1) * d->ldo + d->dv, sizeof *o), *to;
    const float *from = place_state(&d->s, d->next, &to);
    trit_check_enter();
    kernel->fn.delta(d->m, d->dk, d->dv, q, k, d->ldk, v, d->ldv, decay, beta, d->ldg, from, to, o,
                     d->ldo);
    trit_check_leave();
    trit_check_floats("o", o, d->o, d->m, d->dv, d->ldo);
    for (size_t j = 0; to && j < d->dv; j += 16)
        for (size_t i = 0; i < d->dk; i++)
            trit_check_floats("next", to + j * d->dk + 16 * i, d->s.want + j * d->dk + 16 * i, 1,
                              trit_check_min(d->dv - j, 16), 16);
}

static void delta_shape(const struct trit_kernel *kernel, size_t m, size_t dk, size_t dv)
{
    const enum trit_check_kind kind = some_kind();
    const char *values = trit_check_kind_names[kind];
    trit_check_scratch_reset();
    struct delta d = { .m = m, .dk = dk, .dv = dv, .s = { .all = dk * trit_round_up(dv, 16) } };
    d.ldk = dk + gap(), d.ldv = dv + gap(), d.ldg = 1 + gap(), d.ldo = dv + gap();
    d.next = (enum next)trit_check_between(0, NNEXT - 1);
    d.q = trit_check_array(m * d.ldk, kind);
    d.k = trit_check_array(m * d.ldk, kind / 2 * 2);
    d.v = trit_check_array(m * d.ldv, kind);
    d.decay = trit_check_array(m * d.ldg, TRIT_CHECK_NORMAL);
    d.beta = trit_check_array(m * d.ldg, TRIT_CHECK_NORMAL);
    d.s.before = trit_check_array(d.s.all, kind);
    d.o = trit_check_scratch(m * d.ldo, sizeof *d.o);
    float *next = wanted_state(&d.s, d.next);
    trit_ref_delta(m, dk, dv, d.q, d.k, d.ldk, d.v, d.ldv, d.decay, d.beta, d.ldg, d.s.before, next,
                   d.o, d.ldo);
    for (unsigned edge = 0; edge < TRIT_CHECK_NEDGES; edge++) {
        trit_check_case("m=%zu dk=%zu dv=%zu ldk=%zu ldv=%zu ldg=%zu ldo=%zu values=%s next=%s "
                        "edge=%s",
                        m, dk, dv, d.ldk, d.ldv, d.ldg, d.ldo, values, next_names[d.next],
                        trit_check_edge_names[edge]);
        delta_once(kernel, &d, (enum trit_check_edge)edge);
    }
}

/* Columns around vectors, rows up to the most, tokens; and heads of models. */
void trit_check_delta(const struct trit_kernel *kernel)
{
    static const size_t heads[][2] = {
        { 64, 64 }, { 96, 100 }, { 128, 128 }, { TRIT_MAX_KEY, 256 }
    };
    const size_t step = trit_check_quick ? 3 : 1;
    for (size_t dv = 1; dv <= 49; dv += step)
        delta_shape(kernel, trit_check_between(1, 4), trit_check_between(1, 20), dv);
    for (size_t dk = 1; dk <= 40; dk += step)
        delta_shape(kernel, trit_check_between(1, 4), dk, trit_check_between(1, 40));
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        for (size_t m = 1; m <= 7; m += 2 * step)
            delta_shape(kernel, m, heads[i][0], heads[i][1]);
}
