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
#include "runtime/decode/adjust.h"

enum {
    WINDOW_MAX = 1 << 20,
    FIRST_ROOM = 1024,
    MOST_ASKED = 1024, /* more candidates are not asked for: a whole row is */
};

struct trit_sampler {
    struct trit_sampling params;
    struct trit_adjust adjust;
    size_t vocab;
    uint64_t random[4];
    float *logits; /* vocab: the row that is chosen from */
    /* n candidates, a heap with the best at its root; those already taken in order stand behind it:
       heap[n - 1] is the best of all, heap[n - taken] the last taken. */
    struct trit_candidate *heap;
    size_t n, taken;
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

/* --- the choice --- */

/* Whether a greedy choice takes a before b: numbers come before NaN. */
static bool before(struct trit_candidate a, struct trit_candidate b)
{
    bool a_known = a.logit == a.logit, b_known = b.logit == b.logit;
    if (a_known && b_known)
        return better(a, b);
    return a_known != b_known ? a_known : a.id < b.id;
}

/* Of those that the mask allows; 0 where it allows none. */
static int32_t greedy(const struct trit_sampler *s, const float *logits)
{
    struct trit_candidate best = { 0 };
    bool found = false;
    for (size_t i = 0; i < s->vocab; i++) {
        const struct trit_candidate c = { logits[i], (int32_t)i };
        if (!trit_adjust_allows(&s->adjust, i) || (found && !before(c, best)))
            continue;
        best = c;
        found = true;
    }
    return best.id;
}

static int32_t draw_one(struct trit_sampler *s)
{
    candidate_at(s, 0); /* weights are relative to it */
    return draw(s, cut_min_p(s, cut_top_p(s, s->n)));
}

int32_t trit_sampler_next(struct trit_sampler *s, const float *logits)
{
    const float *row = trit_adjust_row(&s->adjust, logits, s->logits);
    if (!(s->params.temperature > 0.0f))
        return greedy(s, row);
    gather(s, row);
    return s->n ? draw_one(s) : greedy(s, row);
}

void trit_sampler_accept(struct trit_sampler *s, int32_t token)
{
    trit_adjust_accept(&s->adjust, token);
}

bool trit_sampler_ban(struct trit_sampler *s, int32_t token)
{
    return trit_adjust_ban(&s->adjust, token);
}

void trit_sampler_mask(struct trit_sampler *s, const uint32_t *bits)
{
    s->adjust.mask = bits;
}

bool trit_sampler_ask(struct trit_sampler *s, const int32_t *draft, size_t n, struct trit_top *top)
{
    const bool sampled = s->params.temperature > 0.0f;
    const size_t k = sampled ? (size_t)s->params.top_k : 1;
    if ((sampled && !few(s)) || n > TRIT_SAMPLER_DRAFT || s->adjust.mask)
        return false;
    trit_adjust_also(&s->adjust, draft, n, top);
    top->k = k < s->vocab ? k : s->vocab;
    return top->nalso <= s->vocab / 16 + TRIT_SAMPLER_BANS + TRIT_SAMPLER_DRAFT;
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
    for (size_t i = 0; i < n; i++)
        s->heap[i] =
            (struct trit_candidate){ trit_adjust_one(&s->adjust, best[i].id, best[i].logit),
                                     best[i].id };
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
        { "presence_penalty", p->presence_penalty, -FLT_MAX, FLT_MAX },
        { "frequency_penalty", p->frequency_penalty, -FLT_MAX, FLT_MAX },
        { "number of biases", (double)p->nbias, 0, (double)vocab },
    };
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (!(ranges[i].value >= ranges[i].min && ranges[i].value <= ranges[i].max))
            return trit_fail(error, TRIT_EARGUMENT, "sampling: %s is %g, must be from %g to %g",
                             ranges[i].name, ranges[i].value, ranges[i].min, ranges[i].max);
    for (size_t i = 0; i < p->nbias; i++) {
        const struct trit_bias b = p->bias[i];
        if (b.id < 0 || (size_t)b.id >= vocab)
            return trit_fail(error, TRIT_EARGUMENT,
                             "sampling: bias of token %d, of which there are %zu", (int)b.id,
                             vocab);
        if (!(b.add < INFINITY))
            return trit_fail(error, TRIT_EARGUMENT,
                             "sampling: bias of token %d is %g, must be finite or -infinity",
                             (int)b.id, b.add);
    }
    return TRIT_OK;
}

static bool allocate(struct trit_sampler *s)
{
    s->heap = trit_alloc(s->vocab, sizeof *s->heap);
    s->logits = trit_alloc(s->vocab, sizeof *s->logits);
    const bool adjusts = trit_adjust_init(&s->adjust, &s->params, s->vocab);
    s->params.bias = NULL; /* the caller's */
    return s->heap && s->logits && adjusts;
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
    trit_adjust_free(&s->adjust);
    free(s);
}
