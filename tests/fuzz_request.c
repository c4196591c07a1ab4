/* Can any bytes make the readers of requests step outside them, or refuse without a word? */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "runtime/serve/openai.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try(json_t *body, enum trit_code (*read)(json_t *body, struct trit_ask **ask,
                                                     const char **param, struct trit_error *error))
{
    struct trit_ask *ask;
    struct trit_error error = { 0 };
    const char *param;
    const enum trit_code code = read(body, &ask, &param, &error);
    if (code && !*error.text)
        __builtin_trap();
    if (!code && (ask->n < 1 || ask->n > TRIT_CHOICES || ask->nstop > TRIT_STOPS ||
                  !(ask->sampling.temperature >= 0 && ask->sampling.temperature <= 2)))
        __builtin_trap();
    trit_ask_free(ask);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct trit_error error = { 0 };
    json_t *body = trit_json_read((const char *)data, size, &error);
    if (!body && !*error.text)
        __builtin_trap();
    if (json_is_object(body)) {
        try(body, trit_openai_chat);
        try(body, trit_openai_completion);
    }
    json_decref(body);
    return 0;
}
