/* How often the pieces of texts occur. */
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "runtime/base/mem.h"
#include "runtime/train/bpe_parts.h"

enum { PIECE_MAX = 1024, FIRST_SLOTS = 1 << 10 };

/* --- sets of strings --- */

static size_t find_slot(const struct trit_train_set *set, struct trit_text text)
{
    const size_t mask = set->nslots - 1;
    size_t at = XXH3_64bits(text.s, text.n) & mask;
    for (; set->slots[at]; at = (at + 1) & mask) {
        const struct trit_text other = trit_string(&set->strings, set->slots[at] - 1);
        if (other.n == text.n && !memcmp(other.s, text.s, text.n))
            break;
    }
    return at;
}

/* Room for one string more of n bytes. */
static bool make_room(struct trit_train_set *set, size_t n)
{
    struct trit_strings *s = &set->strings;
    if (s->used + n > UINT32_MAX || s->n + 2 > UINT32_MAX / 2 ||
        !trit_grow(&s->bytes, &set->bytes_room, s->used + n, 1) ||
        !trit_grow(&s->at, &set->at_room, s->n + 2, sizeof *s->at))
        return false;
    if (s->n == 0)
        s->at[0] = 0;
    if (2 * (s->n + 1) <= set->nslots)
        return true;
    const size_t nslots = set->nslots ? 2 * set->nslots : FIRST_SLOTS;
    uint32_t *slots = trit_alloc(nslots, sizeof *slots);
    if (!slots)
        return false;
    free(set->slots);
    set->slots = slots;
    set->nslots = nslots;
    for (size_t i = 0; i < s->n; i++)
        slots[find_slot(set, trit_string(s, i))] = (uint32_t)i + 1;
    return true;
}

bool trit_train_set_add(struct trit_train_set *set, struct trit_text text, uint32_t *number)
{
    if (!make_room(set, text.n))
        return false;
    const size_t at = find_slot(set, text);
    if (!set->slots[at]) {
        trit_strings_add(&set->strings, text);
        set->slots[at] = (uint32_t)set->strings.n;
    }
    *number = set->slots[at] - 1;
    return true;
}

void trit_train_set_free(struct trit_train_set *set)
{
    trit_strings_free(&set->strings);
    free(set->slots);
}

/* --- pieces --- */

static enum trit_code no_memory(struct trit_error *error)
{
    return trit_fail(error, TRIT_EMEMORY, "train-tokenizer: no memory for the texts' pieces");
}

static bool keep_control(struct trit_train_counts *c, const struct trit_text *control, size_t n)
{
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++)
        bytes += control[i].n;
    c->types = trit_alloc(n, sizeof *c->types);
    if (!c->types || !trit_strings_create(&c->control, n, bytes))
        return false;
    for (size_t i = 0; i < n; i++) {
        trit_strings_add(&c->control, control[i]);
        c->types[i] = TRIT_TOKEN_CONTROL;
    }
    return trit_specials_create(&c->specials, &c->control, c->types, true);
}

enum trit_code trit_train_counts_create(struct trit_train_counts **counts,
                                        const struct trit_pre *pre, const struct trit_text *control,
                                        size_t ncontrol, struct trit_error *error)
{
    struct trit_train_counts *c = trit_alloc(1, sizeof *c);
    *counts = c;
    if (!c)
        return no_memory(error);
    enum trit_code code = trit_splitter_create(&c->splitter, pre, error);
    if (!code &&
        (!keep_control(c, control, ncontrol) || !(c->split = trit_split_create(c->splitter))))
        code = no_memory(error);
    if (code) {
        trit_train_counts_free(c);
        *counts = NULL;
    }
    return code;
}

void trit_train_counts_free(struct trit_train_counts *c)
{
    if (!c)
        return;
    trit_train_set_free(&c->pieces);
    free(c->counts);
    trit_split_free(c->split);
    trit_splitter_free(c->splitter);
    trit_specials_free(&c->specials);
    trit_strings_free(&c->control);
    free(c->types);
    free(c);
}

static bool count_piece(struct trit_train_counts *c, struct trit_text piece)
{
    for (size_t at = 0; at < piece.n; at += PIECE_MAX) {
        const size_t n = piece.n - at < PIECE_MAX ? piece.n - at : PIECE_MAX,
                     before = c->pieces.strings.n;
        uint32_t i;
        if (!trit_train_set_add(&c->pieces, (struct trit_text){ piece.s + at, n }, &i) ||
            !trit_grow(&c->counts, &c->counts_room, (size_t)i + 1, sizeof *c->counts))
            return false;
        c->counts[i] = i < before ? c->counts[i] + 1 : 1;
    }
    return true;
}

/* Of a text without control tokens. */
static enum trit_code count_part(struct trit_train_counts *c, struct trit_text text,
                                 struct trit_error *error)
{
    struct trit_text piece;
    if (text.n)
        trit_split_begin(c->split, text);
    while (text.n) {
        const enum trit_code code = trit_split_next(c->split, &piece, error);
        if (code || piece.n == 0)
            return code;
        if (!count_piece(c, piece))
            return no_memory(error);
    }
    return TRIT_OK;
}

enum trit_code trit_train_counts_add(struct trit_train_counts *c, struct trit_text document,
                                     struct trit_error *error)
{
    size_t from = 0, at;
    for (;;) {
        const struct trit_text rest = { document.s + from, document.n - from };
        const int32_t special = trit_specials_find(&c->specials, &c->control, rest, NULL, &at);
        const enum trit_code code = count_part(c, (struct trit_text){ rest.s, at }, error);
        if (code || special < 0)
            return code;
        from += at + trit_string(&c->control, (size_t)special).n;
    }
}
