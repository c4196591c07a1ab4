/* Learning merges: the pair of ids that occurs most often, with its places, kept up to date. */
#include "runtime/train/bpe.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/base/random.h"
#include "runtime/train/bpe_parts.h"

#define NO_PLACE UINT32_MAX
enum { FIRST_SLOTS = 1 << 12 };

struct pair {
    uint32_t left, right;
    uint64_t count;
    uint32_t last;    /* of its places, or NO_PLACE */
    uint32_t touched; /* the step that raised its count */
};

/* A piece that a pair is or was in; it may come twice. */
struct place {
    uint32_t piece, before;
};

/* What was true of a pair once. Its count may have fallen since. */
struct candidate {
    uint64_t count;
    uint32_t pair;
};

struct learner {
    const struct trit_train_counts *counts;
    struct trit_train_set tokens;
    uint32_t *ids;    /* of the pieces, where their bytes are */
    uint32_t *length; /* of each piece, in ids */
    struct pair *pairs;
    struct place *places;
    struct candidate *heap; /* the best first: no child before its parent */
    uint32_t *slots;        /* of pairs: number + 1, 0: empty; at most half full */
    uint32_t *raised;       /* pairs whose count this step has raised */
    size_t npairs, nplaces, nheap, nslots, nraised;
    size_t pairs_room, places_room, heap_room, raised_room;
    uint32_t step;
    bool failed; /* there was no memory */
};

/* --- pairs --- */

static size_t find_slot(const struct learner *l, uint32_t left, uint32_t right)
{
    const size_t mask = l->nslots - 1;
    size_t at = trit_random_mix((uint64_t)left << 32 | right) & mask;
    for (; l->slots[at]; at = (at + 1) & mask) {
        const struct pair *other = &l->pairs[l->slots[at] - 1];
        if (other->left == left && other->right == right)
            break;
    }
    return at;
}

static bool widen_slots(struct learner *l)
{
    const size_t nslots = l->nslots ? 2 * l->nslots : FIRST_SLOTS;
    uint32_t *slots = trit_alloc(nslots, sizeof *slots);
    if (!slots)
        return false;
    free(l->slots);
    l->slots = slots;
    l->nslots = nslots;
    for (size_t i = 0; i < l->npairs; i++)
        slots[find_slot(l, l->pairs[i].left, l->pairs[i].right)] = (uint32_t)i + 1;
    return true;
}

/* The pair, a new one if need be; NULL: no memory. */
static struct pair *pair_of(struct learner *l, uint32_t left, uint32_t right)
{
    if (2 * (l->npairs + 1) > l->nslots && !widen_slots(l))
        return NULL;
    const size_t at = find_slot(l, left, right);
    if (l->slots[at])
        return &l->pairs[l->slots[at] - 1];
    if (l->npairs >= UINT32_MAX - 1 ||
        !trit_grow(&l->pairs, &l->pairs_room, l->npairs + 1, sizeof *l->pairs))
        return NULL;
    l->pairs[l->npairs] =
        (struct pair){ .left = left, .right = right, .last = NO_PLACE, .touched = UINT32_MAX };
    l->slots[at] = (uint32_t)++l->npairs;
    return &l->pairs[l->npairs - 1];
}

static bool add_place(struct learner *l, struct pair *p, uint32_t piece)
{
    if (p->last != NO_PLACE && l->places[p->last].piece == piece)
        return true;
    if (l->nplaces >= NO_PLACE ||
        !trit_grow(&l->places, &l->places_room, l->nplaces + 1, sizeof *l->places))
        return false;
    l->places[l->nplaces] = (struct place){ piece, p->last };
    p->last = (uint32_t)l->nplaces++;
    return true;
}

/* The piece has the pair once more. */
static void raise_pair(struct learner *l, uint32_t left, uint32_t right, uint32_t piece)
{
    struct pair *p = l->failed ? NULL : pair_of(l, left, right);
    if (!p || !add_place(l, p, piece) ||
        !trit_grow(&l->raised, &l->raised_room, l->nraised + 1, sizeof *l->raised)) {
        l->failed = true;
        return;
    }
    p->count += l->counts->counts[piece];
    if (p->touched != l->step)
        l->raised[l->nraised++] = (uint32_t)(p - l->pairs);
    p->touched = l->step;
}

/* The piece has it once less. */
static void lower_pair(struct learner *l, uint32_t left, uint32_t right, uint32_t piece)
{
    if (!l->failed)
        l->pairs[l->slots[find_slot(l, left, right)] - 1].count -= l->counts->counts[piece];
}

/* --- candidates --- */

static bool is_better(const struct learner *l, struct candidate a, struct candidate b)
{
    const struct pair *x = &l->pairs[a.pair], *y = &l->pairs[b.pair];
    if (a.count != b.count)
        return a.count > b.count;
    return x->left != y->left ? x->left < y->left : x->right < y->right;
}

static size_t token_bytes(const struct learner *l, uint32_t id)
{
    return trit_string(&l->tokens.strings, id).n;
}

static void push(struct learner *l, uint32_t pair)
{
    const struct pair *p = &l->pairs[pair];
    const struct candidate new = { p->count, pair };
    if (p->count < TRIT_TRAIN_PAIR_MIN ||
        token_bytes(l, p->left) + token_bytes(l, p->right) > TRIT_TRAIN_TOKEN_MAX)
        return;
    if (!trit_grow(&l->heap, &l->heap_room, l->nheap + 1, sizeof *l->heap)) {
        l->failed = true;
        return;
    }
    size_t at = l->nheap++;
    for (; at && is_better(l, new, l->heap[(at - 1) / 2]); at = (at - 1) / 2)
        l->heap[at] = l->heap[(at - 1) / 2];
    l->heap[at] = new;
}

static struct candidate pop(struct learner *l)
{
    const struct candidate best = l->heap[0], moved = l->heap[--l->nheap];
    size_t at = 0, child;
    while ((child = 2 * at + 1) < l->nheap) {
        if (child + 1 < l->nheap && is_better(l, l->heap[child + 1], l->heap[child]))
            child++;
        if (!is_better(l, l->heap[child], moved))
            break;
        l->heap[at] = l->heap[child];
        at = child;
    }
    l->heap[at] = moved;
    return best;
}

/* Those that this step raised may be merged. */
static void push_raised(struct learner *l)
{
    for (size_t i = 0; i < l->nraised; i++)
        push(l, l->raised[i]);
    l->nraised = 0;
    l->step++;
}

/* The pair that is merged next; false: there is none. */
static bool next_pair(struct learner *l, uint32_t *pair)
{
    while (l->nheap && !l->failed) {
        const struct candidate c = pop(l);
        *pair = c.pair;
        if (l->pairs[c.pair].count == c.count)
            return true;
        push(l, c.pair);
    }
    return false;
}

/* --- merging --- */

static void merge_piece(struct learner *l, uint32_t piece, struct trit_train_merge m, uint32_t id)
{
    uint32_t *s = l->ids + l->counts->pieces.strings.at[piece];
    const size_t n = l->length[piece];
    size_t out = 0;
    for (size_t i = 0; i < n;) {
        if (i + 1 == n || s[i] != m.left || s[i + 1] != m.right) {
            s[out++] = s[i++];
            continue;
        }
        if (out) {
            lower_pair(l, s[out - 1], m.left, piece);
            raise_pair(l, s[out - 1], id, piece);
        }
        if (i + 2 < n) {
            lower_pair(l, m.right, s[i + 2], piece);
            raise_pair(l, id, s[i + 2], piece);
        }
        s[out++] = id;
        i += 2;
    }
    l->length[piece] = (uint32_t)out;
}

static bool merge(struct learner *l, struct trit_train_bpe *bpe, uint32_t pair)
{
    const struct trit_train_merge m = { l->pairs[pair].left, l->pairs[pair].right };
    char text[2 * TRIT_TRAIN_TOKEN_MAX];
    const struct trit_text left = trit_string(&l->tokens.strings, m.left),
                           right = trit_string(&l->tokens.strings, m.right);
    uint32_t id;
    memcpy(text, left.s, left.n);
    memcpy(text + left.n, right.s, right.n);
    if (!trit_train_set_add(&l->tokens, (struct trit_text){ text, left.n + right.n }, &id))
        return false;
    bpe->merges[bpe->nmerges++] = m;
    for (uint32_t at = l->pairs[pair].last; at != NO_PLACE; at = l->places[at].before)
        merge_piece(l, l->places[at].piece, m, id);
    l->pairs[pair].count = 0;
    push_raised(l);
    return !l->failed;
}

/* --- from bytes --- */

/* The alphabet's characters are in order of their UTF-8. */
static int by_spelling(const void *a, const void *b)
{
    char x[2] = { 0 }, y[2] = { 0 };
    trit_alphabet_encode(*(const unsigned char *)a, x);
    trit_alphabet_encode(*(const unsigned char *)b, y);
    return memcmp(x, y, sizeof x);
}

static bool begin(struct learner *l)
{
    const struct trit_strings *pieces = &l->counts->pieces.strings;
    unsigned char order[TRIT_TRAIN_BYTES];
    uint32_t id_of[TRIT_TRAIN_BYTES];
    for (size_t i = 0; i < TRIT_TRAIN_BYTES; i++)
        order[i] = (unsigned char)i;
    qsort(order, TRIT_TRAIN_BYTES, 1, by_spelling);
    for (size_t i = 0; i < TRIT_TRAIN_BYTES; i++)
        if (!trit_train_set_add(&l->tokens, (struct trit_text){ (const char *)&order[i], 1 },
                                &id_of[order[i]]))
            return false;
    l->ids = trit_alloc(pieces->used, sizeof *l->ids);
    l->length = trit_alloc(pieces->n, sizeof *l->length);
    if (!l->ids || !l->length)
        return false;
    for (size_t i = 0; i < pieces->used; i++)
        l->ids[i] = id_of[(unsigned char)pieces->bytes[i]];
    for (size_t i = 0; i < pieces->n; i++) {
        const uint32_t *s = l->ids + pieces->at[i];
        l->length[i] = pieces->at[i + 1] - pieces->at[i];
        for (size_t j = 0; j + 1 < l->length[i]; j++)
            raise_pair(l, s[j], s[j + 1], (uint32_t)i);
    }
    push_raised(l);
    return !l->failed;
}

static enum trit_code learn(struct learner *l, struct trit_train_bpe *bpe,
                            const struct trit_train_bpe_ask *ask, struct trit_error *error)
{
    size_t room = 0;
    uint32_t pair;
    bool ok = begin(l);
    while (ok && l->tokens.strings.n < ask->tokens && next_pair(l, &pair)) {
        ok = trit_grow(&bpe->merges, &room, bpe->nmerges + 1, sizeof *bpe->merges) &&
             merge(l, bpe, pair);
        if (ask->progress && !ask->progress(ask->progress_arg, l->tokens.strings.n, ask->tokens))
            return trit_fail(error, TRIT_ESTOPPED, "train-tokenizer: stopped");
    }
    for (size_t i = 0; ok && i < l->counts->pieces.strings.n; i++)
        bpe->length += l->length[i] * l->counts->counts[i];
    return ok && !l->failed ? TRIT_OK
                            : trit_fail(error, TRIT_EMEMORY,
                                        "train-tokenizer: no memory for "
                                        "the pairs of the texts' pieces");
}

enum trit_code trit_train_bpe_learn(struct trit_train_bpe *bpe,
                                    const struct trit_train_counts *counts,
                                    const struct trit_train_bpe_ask *ask, struct trit_error *error)
{
    struct learner l = { .counts = counts };
    *bpe = (struct trit_train_bpe){ 0 };
    const enum trit_code code = learn(&l, bpe, ask, error);
    bpe->tokens = l.tokens.strings;
    free(l.tokens.slots);
    free(l.ids);
    free(l.length);
    free(l.pairs);
    free(l.places);
    free(l.heap);
    free(l.slots);
    free(l.raised);
    return code;
}

void trit_train_bpe_free(struct trit_train_bpe *bpe)
{
    trit_strings_free(&bpe->tokens);
    free(bpe->merges);
    *bpe = (struct trit_train_bpe){ 0 };
}
