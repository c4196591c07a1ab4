/* What a program does with a model file, step by step. */
#include <stdlib.h>
#include <string.h>

#include "tests/lib_model.h"

const int32_t trit_toy_tokens[] = { 72, 256, 0, 255, 258, 72, 9 };

enum trit_code trit_toy_use(struct trit_model *model, float *logits, struct trit_error *error)
{
    struct trit_session *session;
    enum trit_code code = trit_session_create(&session, model, 16, 3, error);
    if (!code)
        code = trit_session_eval(session, trit_toy_tokens, TRIT_TOY_TOKENS, 0, logits, error);
    trit_session_free(session);
    return code;
}

/* The loader says what the reader of the keys says, and gives a model exactly if it says nothing.
 */
static enum trit_code load(const struct trit_gguf *gguf, struct trit_pool *pool, float *logits,
                           struct trit_error *error)
{
    struct trit_config config;
    struct trit_error first = { .text = "" };
    struct trit_model *model;
    const enum trit_code keys = trit_config_read(&config, gguf, &first);
    enum trit_code code = trit_model_load(&model, gguf, pool, NULL, error);
    if (!code != !!model || (keys && (keys != code || strcmp(first.text, error->text))))
        abort();
    if (!code)
        code = trit_toy_use(model, logits, error);
    trit_model_free(model);
    return code;
}

enum trit_code trit_toy_run(const struct trit_toy *toy, struct trit_pool *pool, float *logits,
                            struct trit_error *error)
{
    size_t bytes;
    struct trit_gguf *gguf;
    struct trit_tokenizer *tokenizer = NULL;
    uint8_t *data = trit_toy_write(toy, &bytes);
    enum trit_code code = trit_gguf_parse(&gguf, data, bytes, "toy.gguf", error);
    if (!code)
        code = load(gguf, pool, logits, error);
    if (!code)
        code = trit_tokenizer_load(&tokenizer, gguf, error);
    trit_tokenizer_free(tokenizer);
    trit_gguf_close(gguf);
    free(data);
    return code;
}

enum trit_code trit_toy_open(struct trit_toy_opened *o, const struct trit_toy *toy, int threads,
                             size_t chunk, const struct trit_load_options *options,
                             struct trit_error *error)
{
    size_t bytes;
    *o = (struct trit_toy_opened){ .image = trit_toy_write(toy, &bytes) };
    enum trit_code code = trit_gguf_parse(&o->gguf, o->image, bytes, "toy.gguf", error);
    if (!code)
        code = trit_pool_create(&o->pool, threads, error);
    if (!code)
        code = trit_model_load(&o->model, o->gguf, o->pool, options, error);
    return code ? code : trit_work_create(&o->work, o->model, chunk, error);
}

void trit_toy_close(struct trit_toy_opened *o)
{
    trit_work_free(o->work);
    trit_model_free(o->model);
    trit_pool_destroy(o->pool);
    trit_gguf_close(o->gguf);
    free(o->image);
}
