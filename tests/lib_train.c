/* Random masters. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/lib_train.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/random.h"

struct trit_train_shape trit_trained_shape(enum trit_train_family family,
                                           enum trit_train_weights weights,
                                           enum trit_trained_groups groups)
{
    return (struct trit_train_shape){ .family = family,
                                      .weights = weights,
                                      .weight_group = groups == GROUPS_ALL ? TRIT_TRAIN_GROUP : 0,
                                      .input_group = groups ? TRIT_TRAIN_GROUP : 0,
                                      .input_bits = weights == TRIT_TRAIN_DENSE ? 0 : 8,
                                      .vocab = 259,
                                      .hidden = 256,
                                      .ffn = 384,
                                      .layers = 2,
                                      .heads = 4,
                                      .kv_heads = 2,
                                      .head_dim = 64,
                                      .context = 64,
                                      .eps = 1e-5f,
                                      .rope_base = 10000 };
}

static void fill(struct trit_trained *t, const struct trit_train_tensor *to, uint64_t *state)
{
    const bool adds = strstr(to->name, "attn_output.") || strstr(to->name, "ffn_down.");
    const float size = adds ? 0.02f : 0.1f;
    for (size_t i = 0; i < to->n * to->k; i++) {
        const float x = (float)((int32_t)(trit_random_next(state) >> 40) - (1 << 23)) * 0x1p-23f;
        t->w[to->at + i] = to->role == TRIT_TRAIN_NORM ? 1 + 0.25f * x : size * x * x * x;
    }
}

static void make_vocabulary(struct trit_trained *t)
{
    size_t bytes;
    trit_vocabulary_init(&t->words);
    t->words.pre = "gpt-2";
    trit_vocabulary_add(&t->words, "ab", 1);
    trit_vocabulary_merge(&t->words, "a b");
    trit_vocabulary_add(&t->words, "<|pad|>", 3);
    t->words.bos = t->words.eos = trit_vocabulary_add(&t->words, "<|endoftext|>", 3);
    t->words.add_bos = 1;
    t->words.add_eos = 0;
    t->words.chat = "{{ messages[0].content }}";
    t->image = trit_vocabulary_write(&t->words, &bytes);
    assert_int_equal(trit_gguf_parse(&t->vocabulary, t->image, bytes, "vocabulary.gguf", NULL),
                     TRIT_OK);
}

void trit_trained_make(struct trit_trained *t, const struct trit_train_shape *shape,
                       struct trit_pool *pool)
{
    struct trit_error error = { .text = "" };
    uint64_t state = 7;
    *t = (struct trit_trained){ .shape = *shape };
    if (trit_train_shape_check(shape, &error) ||
        trit_train_layout_create(&t->layout, shape, &error))
        fail_msg("%s", error.text);
    t->w = calloc(t->layout.floats, sizeof *t->w);
    for (size_t i = 0; i < t->layout.ntensors; i++)
        fill(t, &t->layout.list[i], &state);
    make_vocabulary(t);
    t->export = (struct trit_train_export){ .shape = &t->shape,
                                            .layout = &t->layout,
                                            .w = t->w,
                                            .pool = pool,
                                            .vocabulary = t->vocabulary,
                                            .type = TRIT_CONVERT_AUTO,
                                            .rows = TRIT_CONVERT_AUTO };
}

void trit_trained_free(struct trit_trained *t)
{
    trit_train_layout_free(&t->layout);
    trit_gguf_close(t->vocabulary);
    free(t->image);
    free(t->w);
}

size_t trit_trained_find(const struct trit_trained *t, const char *name)
{
    size_t i = 0;
    while (i < t->layout.ntensors && strcmp(t->layout.list[i].name, name))
        i++;
    assert_true(i < t->layout.ntensors);
    return i;
}

size_t trit_trained_source(const struct trit_trained *t, const struct trit_source *s, size_t tensor)
{
    const struct trit_train_tensor *x = &t->layout.list[tensor];
    size_t at = 0;
    while (at < s->ntensors && strcmp(s->tensors[at].name, x->name))
        at++;
    assert_true(at < s->ntensors);
    return at;
}
