/* Any bytes as config.json: an error, or sizes within their bounds. */
#include <stdlib.h>

#include "runtime/convert/hf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct trit_hf_config c;
    if (trit_hf_config_parse(&c, (const char *)data, size, "fuzz", NULL))
        return 0;
    for (size_t i = 0; i < TRIT_HF_DIMS; i++)
        if (c.dim[i] > (size_t)1 << 26)
            abort();
    if (c.heads % c.kv_heads || c.rope_dims > c.dim[TRIT_HF_HEAD] || c.layers > 4096 ||
        (c.bits && c.group % 32))
        abort();
    trit_hf_config_free(&c);
    return 0;
}
