/* Biases, penalties, bans and masks. The ids whose logits change stand in one array, in the order
   of how they come and go, so that a head can be asked for them as they lie. */
#include "runtime/decode/adjust.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"

/* --- one logit --- */

static int by_id(const void *a, const void *b)
{
    const int32_t i = ((const struct trit_bias *)a)->id, j = ((const struct trit_bias *)b)->id;
    return (i > j) - (i < j);
}

/* What is added; 0 where there is no bias. */
static float bias_of(const struct trit_adjust *a, int32_t id)
{
    const struct trit_bias key = { id, 0 };
    const struct trit_bias *found =
        a->nbias ? bsearch(&key, a->bias, a->nbias, sizeof key, by_id) : NULL;
    return found ? found->add : 0;
}

static bool banned(const struct trit_adjust *a, int32_t id)
{
    for (size_t i = 0; i < a->bans; i++)
        if (a->banned[i] == id)
            return true;
    return false;
}

/* Divides what is positive and multiplies what is negative: either way down, if the penalty is
   above 1. */
static float penalise(const struct trit_adjust *a, int32_t id, float x)
{
    if (!a->counts || !a->counts[id])
        return x;
    const struct trit_sampling *p = &a->params;
    const float repeated = x > 0.0f ? x / p->repeat_penalty : x * p->repeat_penalty;
    return repeated - ((float)a->counts[id] * p->frequency_penalty + p->presence_penalty);
}

float trit_adjust_one(const struct trit_adjust *a, int32_t id, float logit)
{
    const float add = bias_of(a, id);
    return add == -INFINITY || banned(a, id) ? -INFINITY : penalise(a, id, logit + add);
}

/* --- a row --- */

static void mask_row(const struct trit_adjust *a, float *row)
{
    for (size_t i = 0; i < a->vocab; i++) {
        const uint32_t word = a->mask[i / 32];
        if (word == UINT32_MAX && i % 32 == 0)
            i += 31;
        else if (!(word >> i % 32 & 1))
            row[i] = -INFINITY;
    }
}

const float *trit_adjust_row(const struct trit_adjust *a, const float *logits, float *room)
{
    if (!a->window_used && !a->bans && !a->nbias && !a->mask)
        return logits;
    memcpy(room, logits, a->vocab * sizeof *room);
    for (size_t i = 0; i < a->nbias; i++)
        room[a->bias[i].id] += a->bias[i].add;
    for (size_t i = 0; a->window_used && i < a->vocab; i++)
        room[i] = penalise(a, (int32_t)i, room[i]);
    for (size_t i = 0; i < a->nbias; i++)
        if (a->bias[i].add == -INFINITY)
            room[a->bias[i].id] = -INFINITY;
    for (size_t i = 0; i < a->bans; i++)
        room[a->banned[i]] = -INFINITY;
    if (a->mask)
        mask_row(a, room);
    return room;
}

void trit_adjust_also(struct trit_adjust *a, const int32_t *draft, size_t n, struct trit_top *top)
{
    const size_t drafted = a->counts ? n : 0;
    if (drafted)
        memcpy(a->window + a->window_used, draft, drafted * sizeof *draft);
    top->also = a->banned;
    top->nalso = a->bans + a->nbias + a->window_used + drafted;
}

/* --- what comes --- */

void trit_adjust_accept(struct trit_adjust *a, int32_t token)
{
    if (!a->counts || token < 0 || (size_t)token >= a->vocab)
        return;
    const bool fresh = !a->counts[token]++;
    if (a->params.repeat_last_n < 0) {
        if (fresh)
            a->window[a->window_used++] = token;
        return;
    }
    const size_t length = (size_t)a->params.repeat_last_n;
    if (a->window_used == length)
        a->counts[a->window[a->window_next]]--;
    else
        a->window_used++;
    a->window[a->window_next] = token;
    a->window_next = (a->window_next + 1) % length;
}

bool trit_adjust_ban(struct trit_adjust *a, int32_t token)
{
    if (a->bans == TRIT_SAMPLER_BANS || token < 0 || (size_t)token >= a->vocab)
        return false;
    *--a->banned = token;
    a->bans++;
    return true;
}

/* --- creation --- */

/* Copies the biases, those of an id added up. */
static void sort_biases(struct trit_adjust *a, const struct trit_bias *bias, size_t n)
{
    memcpy(a->bias, bias, n * sizeof *bias);
    qsort(a->bias, n, sizeof *bias, by_id);
    for (size_t i = 0; i < n; i++)
        if (a->nbias && a->bias[a->nbias - 1].id == a->bias[i].id)
            a->bias[a->nbias - 1].add += a->bias[i].add;
        else
            a->bias[a->nbias++] = a->bias[i];
    for (size_t i = 0; i < a->nbias; i++)
        a->banned[i] = a->bias[i].id;
}

bool trit_adjust_init(struct trit_adjust *a, const struct trit_sampling *params, size_t vocab)
{
    const struct trit_sampling *p = params;
    const bool penalised =
        p->repeat_last_n != 0 &&
        (p->repeat_penalty != 1.0f || p->presence_penalty != 0.0f || p->frequency_penalty != 0.0f);
    const size_t length = !penalised ? 0 : p->repeat_last_n < 0 ? vocab : (size_t)p->repeat_last_n;
    *a = (struct trit_adjust){ .params = *p, .vocab = vocab };
    a->ids = trit_alloc(TRIT_SAMPLER_BANS + p->nbias + length + TRIT_SAMPLER_DRAFT, sizeof *a->ids);
    a->bias = trit_alloc(p->nbias + 1, sizeof *a->bias);
    if (penalised)
        a->counts = trit_alloc(vocab, sizeof *a->counts);
    if (!a->ids || !a->bias || (penalised && !a->counts))
        return false;
    a->banned = a->ids + TRIT_SAMPLER_BANS;
    if (p->nbias)
        sort_biases(a, p->bias, p->nbias);
    a->window = a->banned + a->nbias;
    a->params.bias = a->bias;
    a->params.nbias = a->nbias;
    return true;
}

void trit_adjust_free(struct trit_adjust *a)
{
    free(a->bias);
    free(a->counts);
    free(a->ids);
}
