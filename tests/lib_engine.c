/* Toys as engines: in memory, or, with a prediction block, in a file that synth writes. */
#define _GNU_SOURCE
#include "tests/lib_engine.h"

#include <stdlib.h>
#include <unistd.h>

#include "runtime/synth/synth.h"
#include "tests/lib_model.h"

static enum trit_code open_toy(struct trit_toy_engine *o, struct trit_toy *toy, int threads,
                               struct trit_error *error)
{
    struct trit_engine *e = &o->engine;
    size_t bytes;
    struct trit_toy_tensor *rows = trit_toy_tensor(toy, "token_embd.weight");
    trit_toy_add(toy, "output.weight", "token_embd.weight");
    rows->type = TRIT_F32;
    rows->spoiled = true;
    rows->at = TRIT_TOY_POISON * rows->ne[0];
    rows->with = 3e38f;
    o->image = trit_toy_write(toy, &bytes);
    enum trit_code code = trit_gguf_parse(&e->gguf, o->image, bytes, "toy.gguf", error);
    if (!code)
        code = trit_tokenizer_load(&e->tokenizer, e->gguf, error);
    if (!code)
        code = trit_pool_create(&e->pool, threads, error);
    if (!code)
        code = trit_model_load(&e->model, e->gguf, e->pool, NULL, error);
    if (!code)
        e->config = *trit_model_config(e->model);
    return code;
}

enum trit_code trit_toy_engine_plain(struct trit_toy_engine *o, struct trit_error *error)
{
    static const struct trit_toy_shape shape = { 64, 64, 2, 4, 2 };
    static struct trit_toy toy;
    *o = (struct trit_toy_engine){ .name = "plain", .poison = true };
    trit_toy_init(&toy, "bitnet-b1.58", &shape);
    return open_toy(o, &toy, 2, error);
}

enum trit_code trit_toy_engine_hybrid(struct trit_toy_engine *o, struct trit_error *error)
{
    static const struct trit_toy_shape shape = { 64, 64, 3, 2, 1 };
    static const struct trit_toy_delta delta = { 2, 4, 16, 4, 3 };
    static struct trit_toy toy;
    *o = (struct trit_toy_engine){ .name = "hybrid", .poison = true };
    trit_toy_hybrid(&toy, &shape, &delta);
    return open_toy(o, &toy, 1, error);
}

static enum trit_code write_block(const char *path, struct trit_error *error)
{
    struct trit_vocab vocabulary;
    struct trit_pool *pool = NULL;
    struct trit_synth s = { .vocabulary = &vocabulary,
                            .arch = "qwen35",
                            .type = TRIT_PTQ1_0,
                            .low_rows = true,
                            .seed = 4,
                            .peak = 0.5,
                            .chain = 16,
                            .mtp = true,
                            .accept = 0.8 };
    enum trit_code code = trit_vocab_builtin(&vocabulary, error);
    if (!code)
        code = trit_shape_parse(&s.shape, "128x128x4x2x1x64", error);
    s.shape.vocab = vocabulary.n;
    s.shape.untied = true;
    if (!code)
        code = trit_pool_create(&pool, 1, error);
    if (!code)
        code = trit_synth_write(&s, path, pool, error);
    trit_pool_destroy(pool);
    trit_vocab_free(&vocabulary);
    return code;
}

enum trit_code trit_toy_engine_block(struct trit_toy_engine *o, struct trit_error *error)
{
    char path[] = "/tmp/trit-engine-XXXXXX";
    const int fd = mkstemp(path);
    *o = (struct trit_toy_engine){ .name = "block" };
    if (fd < 0)
        return trit_fail(error, TRIT_EIO, "%s: cannot be made", path);
    close(fd);
    enum trit_code code = write_block(path, error);
    if (!code)
        code = trit_engine_open(&o->engine, path, error);
    unlink(path);
    o->engine.cache_wanted = o->engine.wanted = "none";
    o->engine.block = true;
    if (!code)
        code = trit_engine_load_tokenizer(&o->engine, error);
    return code ? code : trit_engine_load_model(&o->engine, 2, error);
}

void trit_toy_engine_close(struct trit_toy_engine *o)
{
    trit_engine_close(&o->engine);
    free(o->image);
}
