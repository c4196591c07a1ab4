/* Any bytes as a tokenizer.json for an embedding of 64 rows: an error, or a vocabulary whose merges
   are of its tokens. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/convert/hf_vocab.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROWS = 64 };

static void check(const struct trit_hf_vocab *v)
{
    for (size_t i = 0; i < ROWS; i++)
        if ((v->types[i] != 0) != (v->tokens[i] != NULL) || !isfinite(v->scores[i]) ||
            v->types[i] > TRIT_HF_BYTE)
            abort();
    for (size_t i = 0; i < v->nmerges; i++)
        if (!memchr(v->merges[i].s, ' ', v->merges[i].n))
            abort();
    if (v->ids[TRIT_HF_UNK] >= ROWS)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct trit_hf_vocab *v;
    json_t *json;
    if (trit_json_parse(&json, (const char *)data, size, "fuzz", &trit_hf_tokenizer_limits, NULL))
        return 0;
    if (trit_hf_vocab_create(&v, ROWS, "fuzz", NULL))
        abort();
    if (!trit_hf_tokenizer_json(v, json, "fuzz", NULL))
        check(v);
    trit_hf_vocab_free(v);
    json_decref(json);
    return 0;
}
