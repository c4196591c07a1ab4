/* Sampling: a bounded heap finds the best candidates, weights come from trit_exp in binary64, and
   one number of xoshiro256** decides. Candidates are ordered by logit, descending, then by id,
   ascending; with that order total, and with arithmetic that is the same everywhere, a seed gives
   the same tokens on every machine. */
#include "runtime/decode/sampler.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/math.h"
#include "runtime/base/mem.h"
#include "runtime/base/random.h"

enum {
    WINDOW_MAX = 1 << 20,
    FIRST_ROOM = 1024,
    MOST_ASKED = 1024, /* more candidates are not asked for: a whole row is */
};

struct trit_sampler {
    struct trit_sampling params;
    size_t vocab;
    uint64_t random[4];
    float *logits; /* vocab: the row after penalties and bans */
    /* n candidates, a heap with the best at its root; those already taken in order stand behind it:
       heap[n - 1] is the best of all, heap[n - taken] the last taken. */
    struct trit_candidate *heap;
    size_t n, taken;
    uint32_t *counts; /* vocab: how often each token stands in the window of the penalty; NULL:
                         there is none */
    int32_t *ids;     /* bans, the window, a draft, one behind the other */
    int32_t *window; /* in ids: a ring of repeat_last_n tokens; where the window is everything, each
                        token once */
    int32_t *banned; /* in ids: `bans` of them, the last one first, up to where the window begins */
    size_t window_used, window_next, bans;
};

const struct trit_sampling trit_sampling_default = {
    .temperature = 0.8f,
    .top_k = 40,
    .top_p = 0.95f,
    .min_p = 0.05f,
    .repeat_penalty = 1.0f,
    .repeat_last_n = 64,
    .seed = 0,
};

/* --- random numbers --- */

static uint64_t rotate(uint64_t x, int by)
{
    return x << by | x >> (64 - by);
}

static uint64_t xoshiro(uint64_t s[4])
{
    uint64_t result = rotate(s[1] * 5, 7) * 9, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

/* In [0, 1), 53 bits. */
static double uniform(struct trit_sampler *s)
{
    return (double)(xoshiro(s->random) >> 11) * 0x1p-53;
}

/* --- candidates in order --- */

static bool better(struct trit_candidate a, struct trit_candidate b)
{
    return a.logit > b.logit || (a.logit == b.logit && a.id < b.id);
}

static void sift_down(struct trit_candidate *heap, size_t n, size_t i)
{
    struct trit_candidate moved = heap[i];
    for (size_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && better(heap[child + 1], heap[child]))
            child++;
        if (!better(heap[child], moved))
            break;
        heap[i] = heap[child];
    }
    heap[i] = moved;
}

static void heap_build(struct trit_sampler *s)
{
    s->taken = 0;
    for (size_t i = s->n / 2; i-- > 0;)
        sift_down(s->heap, s->n, i);
}

/* Candidate i of the order, 0 <= i < n; takes from the heap as many as that needs. */
static struct trit_candidate candidate_at(struct trit_sampler *s, size_t i)
{
    while (s->taken <= i) {
        size_t last = s->n - ++s->taken;
        struct trit_candidate best = s->heap[0];
        s->heap[0] = s->heap[last];
        s->heap[last] = best;
        sift_down(s->heap, last, 0);
    }
    return s->heap[s->n - 1 - i];
}

/* Forgets all but the best k and returns the logit of the last of them. */
static float keep_best(struct trit_sampler *s, size_t k)
{
    heap_build(s);
    float last = candidate_at(s, k - 1).logit;
    memmove(s->heap, s->heap + s->n - k, k * sizeof *s->heap);
    s->n = k;
    return last;
}

/* The candidates: the best top_k of the logits above -infinity. When the room is full only those
   that can still matter stay; ids ascend, so a later logit must be strictly greater than the k-th
   to count. */
static void gather(struct trit_sampler *s, const float *logits)
{
    size_t k = s->params.top_k > 0 ? (size_t)s->params.top_k : s->vocab;
    size_t room = k < s->vocab / 2 ? 2 * k : s->vocab;
    float floor = -INFINITY;
    room = room > FIRST_ROOM ? room : FIRST_ROOM;
    s->n = 0;
    for (size_t i = 0; i < s->vocab; i++) {
        if (!(logits[i] > floor))
            continue;
        if (s->n == room) {
            floor = keep_best(s, k);
            if (!(logits[i] > floor))
                continue;
        }
        s->heap[s->n++] =
            (struct trit_candidate){ logits[i] < FLT_MAX ? logits[i] : FLT_MAX, (int32_t)i };
    }
    if (s->n > k)
        keep_best(s, k);
    heap_build(s);
}

/* --- weights --- */

static double weight(const struct trit_sampler *s, struct trit_candidate c, double temperature)
{
    double best = s->heap[s->n - 1].logit;
    return trit_exp((c.logit - best) / temperature);
}

/* Whether candidates alone decide: as many as top_k says. */
static bool few(const struct trit_sampler *s)
{
    return s->params.top_k > 0 && s->params.top_k <= MOST_ASKED;
}

/* The sum of the first n weights: in order where they are few, so that it does not depend on where
   they came from; a whole vocabulary is not put in order for it. */
static double mass(struct trit_sampler *s, size_t n, double temperature)
{
    if (n < s->n || few(s))
        candidate_at(s, n - 1);
    double sum = 0.0;
    for (size_t i = 0; i < n; i++)
        sum += weight(s, s->heap[s->n - 1 - i], temperature);
    return sum;
}

/* The fewest candidates whose share reaches top_p. */
static size_t cut_top_p(struct trit_sampler *s, size_t n)
{
    if (s->params.top_p >= 1.0f)
        return n;
    double wanted = s->params.top_p * mass(s, n, 1.0), sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        sum += weight(s, candidate_at(s, i), 1.0);
        if (sum >= wanted)
            return i + 1;
    }
    return n;
}

/* Those at least min_p times as likely as the best. */
static size_t cut_min_p(struct trit_sampler *s, size_t n)
{
    size_t kept = 1;
    if (!(s->params.min_p > 0.0f))
        return n;
    while (kept < n && weight(s, candidate_at(s, kept), 1.0) >= s->params.min_p)
        kept++;
    return kept;
}

static int32_t draw(struct trit_sampler *s, size_t n)
{
    double temperature = s->params.temperature;
    double target = uniform(s) * mass(s, n, temperature), sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        struct trit_candidate c = candidate_at(s, i);
        sum += weight(s, c, temperature);
        if (sum > target)
            return c.id;
    }
    return candidate_at(s, 0).id; /* sums of different order may differ in their last bits */
}

/* --- penalties --- */

void trit_sampler_accept(struct trit_sampler *s, int32_t token)
{
    if (!s->counts || token < 0 || (size_t)token >= s->vocab)
        return;
    bool fresh = !s->counts[token]++;
    if (s->params.repeat_last_n < 0) {
        if (fresh)
            s->window[s->window_used++] = token;
        return;
    }
    size_t length = (size_t)s->params.repeat_last_n;
    if (s->window_used == length)
        s->counts[s->window[s->window_next]]--;
    else
        s->window_used++;
    s->window[s->window_next] = token;
    s->window_next = (s->window_next + 1) % length;
}

bool trit_sampler_ban(struct trit_sampler *s, int32_t token)
{
    if (s->bans == TRIT_SAMPLER_BANS || token < 0 || (size_t)token >= s->vocab)
        return false;
    *--s->banned = token;
    s->bans++;
    return true;
}

/* Divides what is positive and multiplies what is negative: either way down, if the penalty is
 * above 1. */
static float penalise(const struct trit_sampler *s, int32_t id, float x)
{
    float penalty = s->params.repeat_penalty;
    if (!s->counts || !s->counts[id])
        return x;
    return x > 0.0f ? x / penalty : x * penalty;
}

static bool banned(const struct trit_sampler *s, int32_t id)
{
    for (size_t i = 0; i < s->bans; i++)
        if (s->banned[i] == id)
            return true;
    return false;
}

static const float *adjust_row(struct trit_sampler *s, const float *logits)
{
    if (!s->window_used && !s->bans)
        return logits;
    for (size_t i = 0; i < s->vocab; i++)
        s->logits[i] = penalise(s, (int32_t)i, logits[i]);
    for (size_t i = 0; i < s->bans; i++)
        s->logits[s->banned[i]] = -INFINITY;
    return s->logits;
}

/* --- the choice --- */

static int32_t greedy(const float *logits, size_t n)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (logits[i] > logits[best] || (logits[best] != logits[best] && logits[i] == logits[i]))
            best = i;
    return (int32_t)best;
}

static int32_t draw_one(struct trit_sampler *s)
{
    candidate_at(s, 0); /* weights are relative to it */
    return draw(s, cut_min_p(s, cut_top_p(s, s->n)));
}

int32_t trit_sampler_next(struct trit_sampler *s, const float *logits)
{
    const float *row = adjust_row(s, logits);
    if (!(s->params.temperature > 0.0f))
        return greedy(row, s->vocab);
    gather(s, row);
    return s->n ? draw_one(s) : greedy(row, s->vocab);
}

bool trit_sampler_ask(struct trit_sampler *s, const int32_t *draft, size_t n, struct trit_top *top)
{
    const bool sampled = s->params.temperature > 0.0f;
    const size_t k = sampled ? (size_t)s->params.top_k : 1, drafted = s->counts ? n : 0;
    if ((sampled && !few(s)) || n > TRIT_SAMPLER_DRAFT)
        return false;
    if (drafted)
        memcpy(s->window + s->window_used, draft, drafted * sizeof *draft);
    top->k = k < s->vocab ? k : s->vocab;
    top->also = s->banned;
    top->nalso = s->bans + s->window_used + drafted;
    return top->nalso <= s->vocab / 16 + TRIT_SAMPLER_BANS + TRIT_SAMPLER_DRAFT;
}

/* Whether a greedy choice takes a before b: numbers come before NaN. */
static bool before(struct trit_candidate a, struct trit_candidate b)
{
    bool a_known = a.logit == a.logit, b_known = b.logit == b.logit;
    if (a_known && b_known)
        return better(a, b);
    return a_known != b_known ? a_known : a.id < b.id;
}

static int32_t greedy_of(const struct trit_candidate *candidates, size_t n)
{
    struct trit_candidate best = candidates[0];
    for (size_t i = 1; i < n; i++)
        if (before(candidates[i], best))
            best = candidates[i];
    return best.id;
}

/* What gather does, with n candidates in the heap's memory. */
static void gather_from(struct trit_sampler *s, size_t n)
{
    size_t k = (size_t)s->params.top_k;
    s->n = 0;
    for (size_t i = 0; i < n; i++)
        if (s->heap[i].logit > -INFINITY) {
            struct trit_candidate c = s->heap[i];
            c.logit = c.logit < FLT_MAX ? c.logit : FLT_MAX;
            s->heap[s->n++] = c;
        }
    if (s->n > k)
        keep_best(s, k);
    heap_build(s);
}

int32_t trit_sampler_pick(struct trit_sampler *s, const struct trit_candidate *best, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const int32_t id = best[i].id;
        const float x = s->bans && banned(s, id) ? -INFINITY : penalise(s, id, best[i].logit);
        s->heap[i] = (struct trit_candidate){ x, id };
    }
    const int32_t likeliest = greedy_of(s->heap, n);
    if (!(s->params.temperature > 0.0f))
        return likeliest;
    gather_from(s, n);
    return s->n ? draw_one(s) : likeliest;
}

/* --- creation --- */

static enum trit_code check(const struct trit_sampling *p, size_t vocab, struct trit_error *error)
{
    const struct {
        const char *name;
        double value, min, max;
    } ranges[] = {
        { "vocabulary", (double)vocab, 1, INT32_MAX },
        { "temperature", p->temperature, -FLT_MAX, FLT_MAX },
        { "top_p", p->top_p, 0, FLT_MAX },
        { "min_p", p->min_p, -FLT_MAX, 1 },
        { "repeat_penalty", p->repeat_penalty, FLT_MIN, FLT_MAX },
        { "repeat_last_n", p->repeat_last_n, -1, WINDOW_MAX },
    };
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (!(ranges[i].value >= ranges[i].min && ranges[i].value <= ranges[i].max))
            return trit_fail(error, TRIT_EARGUMENT, "sampling: %s is %g, must be from %g to %g",
                             ranges[i].name, ranges[i].value, ranges[i].min, ranges[i].max);
    return TRIT_OK;
}

static bool allocate(struct trit_sampler *s)
{
    const struct trit_sampling *p = &s->params;
    const bool penalised = p->repeat_penalty != 1.0f && p->repeat_last_n != 0;
    const size_t length = !penalised             ? 0
                          : p->repeat_last_n < 0 ? s->vocab
                                                 : (size_t)p->repeat_last_n;
    s->heap = trit_alloc(s->vocab, sizeof *s->heap);
    s->logits = trit_alloc(s->vocab, sizeof *s->logits);
    s->ids = trit_alloc(TRIT_SAMPLER_BANS + length + TRIT_SAMPLER_DRAFT, sizeof *s->ids);
    if (penalised)
        s->counts = trit_alloc(s->vocab, sizeof *s->counts);
    if (s->ids)
        s->banned = s->window = s->ids + TRIT_SAMPLER_BANS;
    return s->heap && s->logits && s->ids && (s->counts || !penalised);
}

enum trit_code trit_sampler_create(struct trit_sampler **sampler,
                                   const struct trit_sampling *params, size_t vocab,
                                   struct trit_error *error)
{
    *sampler = NULL;
    enum trit_code code = check(params, vocab, error);
    if (code)
        return code;
    struct trit_sampler *s = trit_alloc(1, sizeof *s);
    if (!s)
        return trit_fail(error, TRIT_EMEMORY, "sampling: no memory");
    s->params = *params;
    s->vocab = vocab;
    uint64_t state = params->seed;
    for (int i = 0; i < 4; i++)
        s->random[i] = trit_random_next(&state);
    if (!allocate(s)) {
        trit_sampler_free(s);
        return trit_fail(error, TRIT_EMEMORY, "sampling: no memory for a vocabulary of %zu", vocab);
    }
    *sampler = s;
    return TRIT_OK;
}

void trit_sampler_free(struct trit_sampler *s)
{
    if (!s)
        return;
    free(s->heap);
    free(s->logits);
    free(s->counts);
    free(s->ids);
    free(s);
}
