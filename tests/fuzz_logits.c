/* Files of saved logits of any bytes: read, or refused with one line. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/judge/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { VOCAB = 5 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct trit_base base;
    struct trit_error error = { 0 };
    uint16_t row[4 + 6];
    FILE *file = size ? fmemopen((void *)(uintptr_t)data, size, "rb") : NULL;
    if (!file)
        return 0;
    enum trit_code code = trit_base_parse(&base, file, size, "fuzz", VOCAB, &error);
    const size_t rows = code ? 0 : base.shape.chunks * trit_base_scored(base.shape.context);
    for (size_t i = 0; i < rows && !code; i++)
        code = trit_base_read(&base, 1, row, &error);
    if (code && (!*error.text || strchr(error.text, '\n')))
        abort();
    if (!code && trit_base_read(&base, 1, row, &error) == TRIT_OK)
        abort(); /* more rows than the header says */
    trit_base_close(&base);
    return 0;
}
