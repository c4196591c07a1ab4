/* What a tokenizer tells of its tokens. */
#include "runtime/text/tokenizer.h"

#include <stdlib.h>

#include "runtime/text/internal.h"

void trit_tokenizer_free(struct trit_tokenizer *t)
{
    if (!t)
        return;
    free(t->types);
    free(t->ends);
    free(t->ranks);
    trit_strings_free(&t->pieces);
    trit_strings_free(&t->bytes);
    trit_index_free(&t->words);
    trit_merges_free(&t->merges);
    trit_specials_free(&t->specials[false]);
    trit_specials_free(&t->specials[true]);
    trit_splitter_free(t->splitter);
    free(t);
}

static bool known(const struct trit_tokenizer *t, int32_t id)
{
    return id >= 0 && (size_t)id < t->n;
}

size_t trit_tokenizer_size(const struct trit_tokenizer *t)
{
    return t->n;
}

int32_t trit_tokenizer_bos(const struct trit_tokenizer *t)
{
    return t->bos;
}

bool trit_tokenizer_add_bos(const struct trit_tokenizer *t)
{
    return t->add_bos;
}

int32_t trit_tokenizer_eos(const struct trit_tokenizer *t)
{
    return t->eos;
}

bool trit_tokenizer_add_eos(const struct trit_tokenizer *t)
{
    return t->add_eos;
}

bool trit_tokenizer_prefixes(const struct trit_tokenizer *t)
{
    return t->prefix;
}

bool trit_tokenizer_lacks_bos(const struct trit_tokenizer *t, const int32_t *ids, size_t n)
{
    const int32_t bos = trit_tokenizer_bos(t);
    return trit_tokenizer_add_bos(t) && bos >= 0 && (n == 0 || ids[0] != bos);
}

bool trit_tokenizer_is_end(const struct trit_tokenizer *t, int32_t id)
{
    return known(t, id) && t->ends[id];
}

bool trit_tokenizer_is_special(const struct trit_tokenizer *t, int32_t id)
{
    return known(t, id) &&
           (t->types[id] == TRIT_TOKEN_CONTROL || t->types[id] == TRIT_TOKEN_UNKNOWN);
}

struct trit_text trit_tokenizer_piece(const struct trit_tokenizer *t, int32_t id)
{
    return known(t, id) ? trit_string(&t->pieces, (size_t)id) : (struct trit_text){ "", 0 };
}

struct trit_text trit_tokenizer_decode(const struct trit_tokenizer *t, int32_t id, bool special)
{
    if (!known(t, id) || (!special && trit_tokenizer_is_special(t, id)))
        return (struct trit_text){ "", 0 };
    return trit_string(&t->bytes, (size_t)id);
}
