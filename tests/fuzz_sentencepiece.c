/* Any bytes as a tokenizer.model for an embedding of 64 rows: an error, or pieces with a text, a
   type and a score. */
#include <math.h>
#include <stdlib.h>

#include "runtime/convert/hf_vocab.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { ROWS = 64 };
    struct trit_hf_vocab *v;
    if (trit_hf_vocab_create(&v, ROWS, "fuzz", NULL))
        abort();
    if (!trit_hf_sentencepiece(v, data, size, "fuzz", NULL))
        for (size_t i = 0; i < ROWS; i++)
            if ((v->types[i] != 0) != (v->tokens[i] != NULL) || v->types[i] > TRIT_HF_BYTE ||
                !isfinite(v->scores[i]))
                abort();
    trit_hf_vocab_free(v);
    return 0;
}
