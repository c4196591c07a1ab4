/* A text token by token, and the masks: the trie is walked with the sets of places, whose numbers
   say where the same mask was made before. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/grammar/internal.h"

enum { MASKS = 8 };

struct trit_matcher {
    const struct trit_vocabulary *vocabulary;
    struct trit_stacks *stacks;
    uint32_t at; /* where the text stands */
    bool ended;
    uint32_t *path; /* a depth in the trie: where its bytes lead */
    size_t words;   /* of a mask */
    uint32_t *masks;
    uint32_t made_at[MASKS]; /* 0: none was made */
    size_t next;             /* the one to be made next */
};

enum trit_code trit_matcher_create(struct trit_matcher **matcher,
                                   const struct trit_grammar *grammar,
                                   const struct trit_vocabulary *vocabulary,
                                   struct trit_error *error)
{
    struct trit_matcher *m = trit_alloc(1, sizeof *m);
    *matcher = NULL;
    if (m) {
        m->vocabulary = vocabulary;
        m->at = TRIT_STACKS_START;
        m->words = vocabulary->ids / 32 + 1;
        m->stacks = trit_stacks_create(grammar);
        m->path = trit_alloc(vocabulary->deepest + 1u, sizeof *m->path);
        m->masks = trit_alloc((MASKS + 1) * m->words, sizeof *m->masks); /* the last is empty */
    }
    if (m && m->stacks && m->path && m->masks) {
        *matcher = m;
        return TRIT_OK;
    }
    trit_matcher_free(m);
    return trit_fail(error, TRIT_EMEMORY, "no memory to hold a text to a grammar");
}

void trit_matcher_free(struct trit_matcher *m)
{
    if (!m)
        return;
    trit_stacks_free(m->stacks);
    free(m->path);
    free(m->masks);
    free(m);
}

bool trit_matcher_complete(const struct trit_matcher *m)
{
    return m->ended || trit_stacks_complete(m->stacks, m->at);
}

static void allow(uint32_t *mask, const int32_t *ids, size_t n)
{
    for (size_t i = 0; i < n; i++)
        mask[(uint32_t)ids[i] / 32] |= UINT32_C(1) << ids[i] % 32;
}

/* The tokens whose bytes can come; false: no memory. */
static bool walk(struct trit_matcher *m, uint32_t *mask)
{
    const struct trit_vocabulary *v = m->vocabulary;
    m->path[0] = m->at;
    for (uint32_t node = 0; node < v->nnodes;) {
        const uint16_t depth = v->depths[node];
        const uint32_t at =
            depth ? trit_stacks_step(m->stacks, m->path[depth - 1], v->bytes[node]) : m->at;
        uint32_t next = node + 1;
        if (at == TRIT_STACKS_NONE)
            return false;
        if (at == TRIT_STACKS_DEAD) {
            node = v->past[node];
            continue;
        }
        if (trit_stacks_passes(m->stacks, at, v->below[node], v->longest[node]))
            next = v->past[node];
        allow(mask, v->order + v->tokens[node], v->tokens[next] - v->tokens[node]);
        m->path[depth] = at;
        node = next;
    }
    return true;
}

const uint32_t *trit_matcher_mask(struct trit_matcher *m)
{
    if (m->ended)
        return m->masks + MASKS * m->words;
    for (size_t i = 0; i < MASKS; i++)
        if (m->made_at[i] == m->at)
            return m->masks + i * m->words;
    const size_t i = m->next;
    uint32_t *mask = m->masks + i * m->words;
    memset(mask, 0, m->words * sizeof *mask);
    m->made_at[i] = TRIT_STACKS_NONE;
    trit_stacks_rest(m->stacks);
    if (!walk(m, mask))
        return NULL;
    if (trit_stacks_complete(m->stacks, m->at))
        allow(mask, m->vocabulary->ends, m->vocabulary->nends);
    m->made_at[i] = m->at;
    m->next = (i + 1) % MASKS;
    return mask;
}

/* Where a token's bytes lead; TRIT_STACKS_DEAD or TRIT_STACKS_NONE where they do not. */
static uint32_t follow(struct trit_matcher *m, struct trit_text text)
{
    uint32_t at = m->at;
    trit_stacks_rest(m->stacks);
    for (size_t i = 0; i < text.n && at > TRIT_STACKS_DEAD; i++)
        at = trit_stacks_step(m->stacks, at, (uint8_t)text.s[i]);
    return text.n && text.n < UINT16_MAX ? at : TRIT_STACKS_DEAD;
}

bool trit_matcher_accept(struct trit_matcher *m, int32_t token)
{
    const struct trit_tokenizer *tokenizer = m->vocabulary->tokenizer;
    if (m->ended)
        return false;
    if (trit_tokenizer_is_end(tokenizer, token)) {
        m->ended = trit_stacks_complete(m->stacks, m->at);
        return m->ended;
    }
    uint32_t at = follow(m, trit_tokenizer_decode(tokenizer, token, false));
    if (at <= TRIT_STACKS_DEAD)
        return false;
    if (trit_stacks_trim(m->stacks, &at))
        memset(m->made_at, 0, sizeof m->made_at);
    m->at = at;
    return true;
}
