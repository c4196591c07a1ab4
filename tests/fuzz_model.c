/* Can any bytes, as a model file, make loading and running it step outside them, or give logits
   that are not finite? Its corpus has a model of architecture qwen3 of each type with groups, some
   with YaRN. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "runtime/model/model.h"
#include "runtime/thread/pool.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TOKENS = 3, MOST = 4096 };

static void run(struct trit_model *model, size_t vocab)
{
    static const int32_t tokens[TOKENS] = { 1, 0, 1 };
    static float logits[TOKENS * MOST];
    struct trit_session *session;
    struct trit_error error = { .text = "" };
    if (vocab < 2 || vocab > MOST)
        return;
    if (trit_session_create(&session, model, TOKENS, TOKENS, &error))
        abort();
    if (!trit_session_eval(session, tokens, TOKENS, 0, logits, &error))
        for (size_t i = 0; i < TOKENS * vocab; i++)
            if (!(logits[i] - logits[i] == 0))
                abort();
    trit_session_free(session);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct trit_pool *pool;
    struct trit_gguf *gguf = NULL;
    struct trit_model *model = NULL;
    struct trit_config config;
    struct trit_error error = { .text = "" };
    if (!pool && trit_pool_create(&pool, 1, NULL))
        abort();
    if (!trit_gguf_parse(&gguf, data, size, "fuzz", &error) &&
        !trit_model_load(&model, gguf, pool, NULL, &error) &&
        !trit_config_read(&config, gguf, &error))
        run(model, config.vocab);
    if (!model && error.text[0] == 0)
        abort();
    trit_model_free(model);
    trit_gguf_close(gguf);
    return 0;
}
