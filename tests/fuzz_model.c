/* Can any bytes, as a model file, make loading and running it step outside them, or give logits
   that are not finite, or that a draft has changed? Its corpus has models of architecture qwen3 of
   each type with groups, some with YaRN, and of qwen35, rotated and not; and of llama of each type
   with a scale for each row, or for 256 columns, of bitnet with factors, of gemma3 with windows,
   and with norms before projections. The layout of I2_S is the last byte's. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/model/model.h"
#include "runtime/thread/pool.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TOKENS = 3, MOST = 4096 };

/* The last token was a draft: forgotten and evaluated once more it has the same logits. */
static void again(struct trit_session *session, const int32_t *tokens, const float *last,
                  size_t vocab)
{
    static float logits[MOST];
    struct trit_error error;
    if (!trit_session_rewind(session, TOKENS - 1) ||
        trit_session_eval(session, tokens + TOKENS - 1, 1, 0, logits, &error) ||
        memcmp(logits, last, vocab * sizeof *last) != 0)
        abort();
}

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
    const struct trit_run run = {
        .session = session, .tokens = tokens, .count = TOKENS, .logits = logits, .drafts = 1
    };
    if (!trit_model_eval(trit_session_work(session), &run, 1, &error)) {
        for (size_t i = 0; i < TOKENS * vocab; i++)
            if (!(logits[i] - logits[i] == 0))
                abort();
        again(session, tokens, logits + (TOKENS - 1) * vocab, vocab);
    }
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
    enum trit_i2s better;
    if (!trit_gguf_parse(&gguf, data, size, "fuzz", &error) &&
        (gguf->i2s = (enum trit_i2s)(data[size - 1] % 3), true) &&
        !trit_model_load(&model, gguf, pool, NULL, &error) &&
        !trit_config_read(&config, gguf, &error)) {
        trit_model_doubts_layout(&config, gguf, &better);
        run(model, config.vocab);
    }
    if (!model && error.text[0] == 0)
        abort();
    trit_model_free(model);
    trit_gguf_close(gguf);
    return 0;
}
