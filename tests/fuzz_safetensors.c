/* Any bytes as the header of a safetensors file with 4096 bytes of tensors: an error, or tensors
   that cover these bytes. */
#include <stdlib.h>

#include "runtime/convert/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { BYTES = 4096 };
    struct trit_safetensors st = { 0 };
    const uint64_t begin = 8 + size;
    uint64_t covered = 0;
    if (!trit_safetensors_header(&st, (const char *)data, size, begin + BYTES, "fuzz", NULL)) {
        for (size_t i = 0; i < st.n; i++) {
            const struct trit_st_tensor *t = &st.tensors[i];
            uint64_t bytes = trit_st_type_bytes(t->type);
            for (size_t d = 0; d < TRIT_ST_DIMS; d++)
                bytes *= t->shape[d];
            if (t->begin < begin || t->begin + t->bytes > begin + BYTES || bytes != t->bytes)
                abort();
            covered += t->bytes;
        }
        if (covered != BYTES)
            abort();
    }
    trit_safetensors_close(&st);
    return 0;
}
