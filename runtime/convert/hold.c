/* What rows hold: group by group of 128 columns, from which longer and shorter ones are told. */
#include "runtime/convert/hold.h"

#include "runtime/convert/fit.h"
#include "runtime/convert/walk.h"

enum { GROUP = 128, HALF = 64, GROUPED = TRIT_LACKS_256 | TRIT_LACKS_128 | TRIT_LACKS_SIGNS };

static unsigned lacks_half(uint32_t d)
{
    return trit_fit_half(d) ? 0 : TRIT_LACKS_HALVES;
}

/* -d, 0, d, 2d, or fewer of them. */
static bool holds_twos(const float *x, size_t n, uint8_t *codes, struct trit_fit *fit)
{
    return trit_fit_trits(x, n, codes, fit) || trit_fit_twos(x, n, codes, fit);
}

/* A group that is no trits of one scale. */
static unsigned lacks_in_group(const float *x, size_t n, uint8_t *codes)
{
    struct trit_fit fit;
    unsigned lacks = 0;
    if (trit_fit_twos(x, n, codes, &fit))
        lacks |= lacks_half(fit.d);
    else
        lacks |= TRIT_LACKS_TWOS_128;
    for (size_t i = 0; i < n; i += HALF)
        if (holds_twos(x + i, n - i < HALF ? n - i : HALF, codes, &fit))
            lacks |= lacks_half(fit.d);
        else
            lacks |= TRIT_LACKS_TWOS_64;
    return lacks;
}

/* What the scales that were met so far are the same for. */
struct scales {
    uint32_t whole, row, pair;
};

static unsigned lacks_beside(struct scales *s, uint32_t d)
{
    unsigned lacks = 0;
    if (!d)
        return 0;
    lacks |= s->whole && s->whole != d ? TRIT_LACKS_WHOLE : 0;
    lacks |= s->row && s->row != d ? TRIT_LACKS_ROWS : 0;
    lacks |= s->pair && s->pair != d ? TRIT_LACKS_256 : 0;
    *s = (struct scales){ d, d, d };
    return lacks;
}

static unsigned lacks_of_row(const float *x, size_t k, uint8_t *codes, struct scales *s)
{
    unsigned lacks = 0;
    s->row = 0;
    for (size_t i = 0; i < k; i += GROUP) {
        const size_t n = k - i < GROUP ? k - i : GROUP;
        struct trit_fit fit;
        if (i % (2 * GROUP) == 0)
            s->pair = 0;
        if (!trit_fit_trits(x + i, n, codes, &fit)) {
            lacks |= lacks_in_group(x + i, n, codes) | GROUPED | TRIT_LACKS_WHOLE | TRIT_LACKS_ROWS;
            continue;
        }
        lacks |= lacks_beside(s, fit.d) | lacks_half(fit.d) | (fit.mixed ? TRIT_LACKS_SIGNS : 0);
    }
    return lacks;
}

static bool all_finite(const float *x, size_t n)
{
    unsigned bad = 0;
    for (size_t i = 0; i < n; i++)
        bad |= !(x[i] - x[i] == 0);
    return !bad;
}

void trit_hold_rows(const float *x, size_t n, size_t k, uint8_t *codes, struct trit_held *held)
{
    struct scales s = { .whole = held->d };
    for (size_t r = 0; r < n; r++)
        held->lacks |= lacks_of_row(x + r * k, k, codes, &s);
    held->d = s.whole;
    held->lacks |= trit_fit_f16(x, n * k) ? 0 : TRIT_LACKS_F16;
    held->lacks |= trit_fit_bf16(x, n * k) ? 0 : TRIT_LACKS_BF16;
    held->lacks |= all_finite(x, n * k) ? 0 : TRIT_LACKS_FINITE;
}

void trit_hold_join(struct trit_held *all, const struct trit_held *part)
{
    all->lacks |= part->lacks;
    if (all->d && part->d && all->d != part->d)
        all->lacks |= TRIT_LACKS_WHOLE;
    all->d = all->d ? all->d : part->d;
}

static bool look(void *arg, struct trit_piece *piece)
{
    (void)arg;
    trit_hold_rows(piece->x, piece->n, piece->k, piece->out, &piece->held);
    return true;
}

static enum trit_code gather(void *arg, struct trit_piece *pieces, size_t n,
                             struct trit_error *error)
{
    (void)error;
    for (size_t i = 0; i < n; i++)
        trit_hold_join(arg, &pieces[i].held);
    return TRIT_OK;
}

enum trit_code trit_hold_tensor(struct trit_walk *walk, size_t tensor, struct trit_held *held,
                                struct trit_error *error)
{
    const struct trit_walk_job job = {
        .tensor = tensor, .block = 1, .bytes = 1, .piece = look, .after = gather, .arg = held
    };
    *held = (struct trit_held){ 0 };
    return trit_walk_rows(walk, &job, error);
}
