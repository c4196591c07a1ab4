/* Prompt lookup: the longest earlier copy of the text's last tokens, how much of what stood behind
   such copies was right, what wider passes cost, and the account that bounds what is lost. Times
   are in passes of one token. */
#include "runtime/decode/lookup.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/decode/pace.h"

enum { REACH = 1 << 15 }; /* how far back it looks */

/* Guesses by how many tokens matched, and how many of them are right before anything is known. In
   texts of prose, of code and of edited code these were 0.2 to 0.9. */
static const struct {
    size_t matched;
    double right;
} classes[] = { { 2, 0.3 }, { 3, 0.45 }, { 4, 0.6 }, { 6, 0.7 }, { 9, 0.8 }, { 16, 0.9 } };
enum { NCLASSES = sizeof classes / sizeof *classes };

static const double PRIOR = 3, KEPT = 0.96; /* that counts as PRIOR guesses; what is old fades */
static const double SHARE = 0.02;           /* of all time, for wrong guesses */
static const double FIRST_CREDIT = 3, MOST_CREDIT = 16, TRIAL = 4, HOPE = 0.7;
_Static_assert((int)TRIT_LOOKUP_MAX <= (int)TRIT_PACE_MOST, "the account holds every guess");

struct hits {
    double right, tried;
};

struct trit_lookup {
    int32_t *text;
    size_t n, length, most;
    size_t kind; /* class of the guess that is out */
    struct hits hits[NCLASSES];
    struct trit_pace pace;
    double credit; /* time that may be lost */
};

static double within(double x, double least, double most)
{
    return x < least ? least : x > most ? most : x;
}

enum trit_code trit_lookup_create(struct trit_lookup **lookup, size_t most, size_t length,
                                  struct trit_error *error)
{
    *lookup = NULL;
    if (most < 1 || most > TRIT_LOOKUP_MAX)
        return trit_fail(error, TRIT_EARGUMENT, "drafts of %zu tokens: must be 1 .. %d", most,
                         TRIT_LOOKUP_MAX);
    struct trit_lookup *l = trit_alloc(1, sizeof *l);
    if (l)
        l->text = trit_alloc(length, sizeof *l->text);
    if (!l || !l->text) {
        trit_lookup_free(l);
        return trit_fail(error, TRIT_EMEMORY, "no memory for a text of %zu tokens", length);
    }
    l->most = most;
    l->length = length;
    l->credit = FIRST_CREDIT;
    for (size_t i = 0; i < NCLASSES; i++)
        l->hits[i] = (struct hits){ classes[i].right * PRIOR, PRIOR };
    trit_pace_init(&l->pace, HOPE);
    *lookup = l;
    return TRIT_OK;
}

void trit_lookup_free(struct trit_lookup *l)
{
    if (!l)
        return;
    free(l->text);
    free(l);
}

void trit_lookup_tell(struct trit_lookup *l, const int32_t *tokens, size_t n)
{
    n = n < l->length - l->n ? n : l->length - l->n;
    memcpy(l->text + l->n, tokens, n * sizeof *tokens);
    l->n += n;
}

/* How many tokens before `end` are the text's last ones. */
static size_t match_at(const struct trit_lookup *l, size_t end)
{
    size_t n = 0;
    while (n < end && n < classes[NCLASSES - 1].matched &&
           l->text[end - 1 - n] == l->text[l->n - 1 - n])
        n++;
    return n;
}

/* Where the longest match ends, the last of equally long ones; 0: there is none. */
static size_t find(const struct trit_lookup *l, size_t *matched)
{
    const size_t stop = l->n > REACH ? l->n - REACH : 0;
    size_t where = 0;
    *matched = classes[0].matched - 1;
    for (size_t end = l->n ? l->n - 1 : 0; end > stop; end--) {
        if (l->text[end - 1] != l->text[l->n - 1])
            continue;
        const size_t n = match_at(l, end);
        if (n > *matched) {
            *matched = n;
            where = end;
        }
        if (n == classes[NCLASSES - 1].matched)
            break;
    }
    return where;
}

/* The number of guesses that gives the most tokens per time, if each is right with the share that
   its class had. Where none is worth it but there is credit, one, to learn. */
static size_t best_number(const struct trit_lookup *l, size_t most)
{
    const struct hits *h = &l->hits[l->kind];
    const double right = h->right / h->tried;
    double best = 1, tokens = 1, power = 1;
    size_t number = l->credit >= TRIAL;
    for (size_t i = 1; i <= most; i++) {
        tokens += power *= right;
        const double rate = tokens / (1 + trit_pace_cost(&l->pace, i));
        if (rate > best) {
            best = rate;
            number = i;
        }
    }
    while (number && trit_pace_cost(&l->pace, number) > l->credit)
        number--;
    return number < most ? number : most;
}

size_t trit_lookup_guess(struct trit_lookup *l, size_t limit, int32_t *draft)
{
    size_t matched;
    const size_t from = find(l, &matched);
    if (!from)
        return 0;
    l->kind = 0;
    while (l->kind + 1 < NCLASSES && matched >= classes[l->kind + 1].matched)
        l->kind++;
    const size_t n = best_number(l, limit < l->most ? limit : l->most);
    for (size_t i = 0; i < n; i++) /* past its end the text repeats what is guessed */
        draft[i] = from + i < l->n ? l->text[from + i] : draft[from + i - l->n];
    return n;
}

/* Only the first wrong guess was tried: those behind it say nothing. */
static void learn_hits(struct trit_lookup *l, size_t guessed, size_t right)
{
    struct hits *h = &l->hits[l->kind];
    for (size_t i = 0; i < right + (right < guessed); i++) {
        h->right = KEPT * h->right + (1 - KEPT) * classes[l->kind].right * PRIOR + (i < right);
        h->tried = KEPT * h->tried + (1 - KEPT) * PRIOR + 1;
    }
}

void trit_lookup_learn(struct trit_lookup *l, size_t guessed, size_t right, double seconds)
{
    const double lost = trit_pace_learn(&l->pace, guessed, seconds) - (double)right;
    learn_hits(l, guessed, right);
    l->credit = within(l->credit - lost + SHARE * (double)(1 + right), 0, MOST_CREDIT);
}
