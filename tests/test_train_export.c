/* Is what was trained written exactly as the passes multiply by it, in every type that is for its
   shape, does the runtime run it, and is every other type refused? */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/half.h"
#include "runtime/train/quantise.h"
#include "tests/lib_model.h"
#include "tests/lib_pool.h"
#include "tests/lib_train.h"

static char path[64];

static void done(enum trit_code code, const struct trit_error *error)
{
    if (code)
        fail_msg("code %d: %s", code, error->text);
}

/* How far a value of the type may be from x, whose neighbours reach up to `most`. */
static float slack(uint32_t type, float x, float most)
{
    return type == TRIT_F16    ? fabsf(x - trit_f16_f32(trit_f32_f16(x)))
           : type == TRIT_Q8_0 ? most / 127 * 0.6f
           : type == TRIT_Q6_K ? most / 16
                               : 0;
}

static void check_values(const struct trit_train_tensor *t, uint32_t type, const float *wanted,
                         const float *got)
{
    const size_t all = t->n * t->k, block = trit_type_find(type)->block;
    for (size_t at = 0; at < all; at += block) {
        float most = 0;
        for (size_t i = at; i < at + block && i < all; i++)
            most = fmaxf(most, fabsf(wanted[i]));
        for (size_t i = at; i < at + block && i < all; i++)
            if (!(fabsf(got[i] - wanted[i]) <= slack(type, wanted[i], most)))
                fail_msg("'%s' as %s, element %zu: %.9g, wanted %.9g", t->name,
                         trit_type_find(type)->name, i, (double)got[i], (double)wanted[i]);
    }
}

static void check_tensor(const struct trit_trained *t, struct trit_source *s, size_t i)
{
    const struct trit_train_tensor *x = &t->layout.list[i];
    const size_t all = x->n * x->k;
    float *got = malloc(all * sizeof *got), *wanted = malloc(all * sizeof *wanted);
    struct trit_error error = { .text = "" };
    const size_t at = trit_trained_source(t, s, i);
    assert_int_equal(s->tensors[at].ne[0], x->k);
    assert_int_equal(s->tensors[at].ne[1], x->n);
    done(s->kind->rows(s, at, 0, x->n, got, &error), &error);
    trit_train_quantise_weights(t->export.pool, &t->shape, x, t->w + x->at, wanted);
    check_values(x, s->tensors[at].type, wanted, got);
    free(got);
    free(wanted);
}

/* The runtime loads it, with its vocabulary, and gives finite logits. */
static void check_runs(const struct trit_trained *t)
{
    struct trit_error error = { .text = "" };
    struct trit_gguf *gguf;
    struct trit_model *model = NULL;
    struct trit_tokenizer *tokenizer = NULL;
    float *logits = malloc(TRIT_TOY_LOGITS * sizeof *logits);
    done(trit_gguf_open(&gguf, path, &error), &error);
    done(trit_tokenizer_load(&tokenizer, gguf, &error), &error);
    done(trit_model_load(&model, gguf, t->export.pool, NULL, &error), &error);
    done(trit_toy_use(model, logits, &error), &error);
    trit_model_free(model);
    trit_tokenizer_free(tokenizer);
    trit_gguf_close(gguf);
    free(logits);
}

struct option {
    enum trit_train_weights weights;
    enum trit_trained_groups groups;
    bool low_rows;
    uint32_t type, rows;       /* wishes */
    uint32_t type_is, rows_is; /* what comes of them */
};

static const struct option options[] = {
    { TRIT_TRAIN_TERNARY, GROUPS_NONE, false, TRIT_CONVERT_AUTO, TRIT_CONVERT_AUTO, TRIT_I2_S,
      TRIT_F16 },
    { TRIT_TRAIN_TERNARY, GROUPS_NONE, false, TRIT_I2_S, TRIT_Q8_0, TRIT_I2_S, TRIT_Q8_0 },
    { TRIT_TRAIN_TERNARY, GROUPS_NONE, true, TRIT_I2_S, TRIT_CONVERT_AUTO, TRIT_I2_S, TRIT_PTQ1_0 },
    { TRIT_TRAIN_BINARY, GROUPS_NONE, false, TRIT_CONVERT_AUTO, TRIT_F32, TRIT_I2_S, TRIT_F32 },
    { TRIT_TRAIN_BINARY, GROUPS_NONE, true, TRIT_I2_S, TRIT_CONVERT_AUTO, TRIT_I2_S, TRIT_Q1_0 },
    { TRIT_TRAIN_TERNARY, GROUPS_INPUTS, false, TRIT_CONVERT_AUTO, TRIT_CONVERT_AUTO, TRIT_PTQ1_0,
      TRIT_F16 },
    { TRIT_TRAIN_BINARY, GROUPS_INPUTS, true, TRIT_CONVERT_AUTO, TRIT_CONVERT_AUTO, TRIT_Q1_0,
      TRIT_Q1_0 },
    { TRIT_TRAIN_TERNARY, GROUPS_ALL, false, TRIT_CONVERT_AUTO, TRIT_Q6_K, TRIT_PTQ1_0, TRIT_Q6_K },
    { TRIT_TRAIN_TERNARY, GROUPS_ALL, true, TRIT_PQ2_0, TRIT_PTQ1_0, TRIT_PQ2_0, TRIT_PTQ1_0 },
    { TRIT_TRAIN_TERNARY, GROUPS_ALL, true, TRIT_Q2_0, TRIT_PQ2_0, TRIT_Q2_0, TRIT_PQ2_0 },
    { TRIT_TRAIN_BINARY, GROUPS_ALL, false, TRIT_CONVERT_AUTO, TRIT_CONVERT_AUTO, TRIT_Q1_0,
      TRIT_F16 },
    { TRIT_TRAIN_BINARY, GROUPS_ALL, true, TRIT_PTQ1_0, TRIT_Q1_0, TRIT_PTQ1_0, TRIT_Q1_0 },
    { TRIT_TRAIN_DENSE, GROUPS_NONE, false, TRIT_CONVERT_AUTO, TRIT_CONVERT_AUTO, TRIT_F16,
      TRIT_F16 },
    { TRIT_TRAIN_DENSE, GROUPS_NONE, false, TRIT_F32, TRIT_F32, TRIT_F32, TRIT_F32 },
    { TRIT_TRAIN_DENSE, GROUPS_NONE, false, TRIT_Q8_0, TRIT_Q8_0, TRIT_Q8_0, TRIT_Q8_0 },
};

static void check_option(enum trit_train_family family, const struct option *o,
                         struct trit_pool *pool)
{
    struct trit_train_shape shape = trit_trained_shape(family, o->weights, o->groups);
    struct trit_error error = { .text = "" };
    struct trit_trained t;
    struct trit_source *s = NULL;
    shape.low_rows = o->low_rows;
    trit_trained_make(&t, &shape, pool);
    t.export.type = o->type;
    t.export.rows = o->rows;
    done(trit_train_export_gguf(&t.export, path, &error), &error);
    done(trit_source_open(&s, path, &error), &error);
    assert_int_equal(s->ntensors, t.layout.ntensors);
    assert_int_equal(s->tensors[trit_trained_find(&t, "token_embd.weight")].type, o->rows_is);
    assert_int_equal(s->tensors[trit_trained_find(&t, "blk.1.ffn_down.weight")].type, o->type_is);
    for (size_t i = 0; i < t.layout.ntensors; i++)
        check_tensor(&t, s, i);
    trit_source_close(s);
    check_runs(&t);
    trit_trained_free(&t);
}

static void values(void **state)
{
    for (int family = 0; family < TRIT_TRAIN_FAMILIES; family++)
        for (size_t i = 0; i < sizeof options / sizeof *options; i++)
            check_option(family, &options[i], *state);
}

/* --- keys --- */

static void has_text(const struct trit_gguf *g, const char *key, const char *value)
{
    struct trit_text text = { "", 0 };
    assert_int_equal(trit_gguf_text(g, key, &text, NULL), TRIT_OK);
    if (!trit_text_is(text, value))
        fail_msg("'%s' is '%.*s', wanted '%s'", key, (int)text.n, text.s, value);
}

static void has_number(const struct trit_gguf *g, const char *key, uint32_t value)
{
    uint32_t number = 0;
    assert_int_equal(trit_gguf_u32(g, key, &number, NULL), TRIT_OK);
    assert_int_equal(number, value);
}

static struct trit_gguf *written(const struct trit_trained *t)
{
    struct trit_error error = { .text = "" };
    struct trit_gguf *g = NULL;
    done(trit_train_export_gguf(&t->export, path, &error), &error);
    done(trit_gguf_open(&g, path, &error), &error);
    return g;
}

static void keys_of_a_plain_model(void **state)
{
    const struct trit_train_shape shape =
        trit_trained_shape(TRIT_TRAIN_BITNET, TRIT_TRAIN_TERNARY, GROUPS_NONE);
    const struct trit_train_fact facts[] = {
        { .key = "name", .value = "Tale 15M" },
        { .key = "license", .value = "mit" },
        { .key = "sampling.temp", .advice = &trit_advices[TRIT_ADVICE_TEMP], .number = 0.25 },
        { .key = "sampling.top_k", .advice = &trit_advices[TRIT_ADVICE_TOP_K], .number = -1 },
    };
    struct trit_trained t;
    trit_trained_make(&t, &shape, *state);
    struct trit_gguf *g = written(&t);
    has_text(g, "general.architecture", "bitnet-b1.58");
    has_text(g, "general.name", "bitnet-b1.58");
    has_text(g, "tokenizer.chat_template", t.words.chat);
    has_number(g, "bitnet-b1.58.context_length", 64);
    has_number(g, "bitnet-b1.58.attention.head_count_kv", 2);
    has_number(g, "tokenizer.ggml.bos_token_id", 258);
    for (size_t i = 0; i < g->nkv; i++)
        assert_false(!memcmp(g->kv[i].key.s, "tritmill.", 9) ||
                     !memcmp(g->kv[i].key.s, "prism.", 6));
    trit_gguf_close(g);
    t.export.facts = facts;
    t.export.nfacts = sizeof facts / sizeof *facts;
    g = written(&t);
    has_text(g, "general.name", "Tale 15M");
    has_text(g, "general.license", "mit");
    float temperature = 0;
    int32_t top_k = 0;
    assert_int_equal(trit_gguf_f32(g, "general.sampling.temp", &temperature, NULL), TRIT_OK);
    assert_int_equal(trit_gguf_i32(g, "general.sampling.top_k", &top_k, NULL), TRIT_OK);
    assert_true(temperature == 0.25f && top_k == -1);
    trit_gguf_close(g);
    trit_trained_free(&t);
}

static void keys_of_rotated_inputs_of_4_bits(void **state)
{
    struct trit_train_shape shape =
        trit_trained_shape(TRIT_TRAIN_BITNET, TRIT_TRAIN_TERNARY, GROUPS_NONE);
    struct trit_trained t;
    struct trit_text *names = NULL;
    size_t n = 0;
    shape.input_bits = 4;
    shape.hadamard = 128;
    trit_trained_make(&t, &shape, *state);
    struct trit_gguf *g = written(&t);
    has_number(g, "tritmill.activation_bits", 4);
    has_number(g, "prism.hadamard.block_size", 128);
    has_text(g, "prism.hadamard.sign_mode", "identity");
    assert_int_equal(trit_gguf_texts(g, "prism.hadamard.weight_names", &names, &n, NULL), TRIT_OK);
    assert_int_equal(n, 4);
    assert_true(trit_text_is(names[0], "blk.0.attn_output.weight"));
    assert_true(trit_text_is(names[3], "blk.1.ffn_down.weight"));
    free(names);
    trit_gguf_close(g);
    trit_trained_free(&t);
}

/* --- refusals --- */

static void refused(struct trit_trained *t, enum trit_code code, const char *says)
{
    struct trit_error error = { .text = "" };
    unlink(path);
    const enum trit_code got = trit_train_export_gguf(&t->export, path, &error);
    if (got != code || !strstr(error.text, says))
        fail_msg("wanted code %d and '%s', got %d: %s", code, says, got, error.text);
    assert_int_equal(access(path, F_OK), -1);
}

static void types_that_do_not_hold_it(void **state)
{
    static const struct {
        struct option o;
        const char *says;
    } cases[] = {
        { { TRIT_TRAIN_TERNARY, GROUPS_NONE, false, TRIT_PTQ1_0, TRIT_CONVERT_AUTO, 0, 0 },
          "type PTQ1_0 is not for matrices with no groups of columns: take I2_S" },
        { { TRIT_TRAIN_TERNARY, GROUPS_ALL, false, TRIT_I2_S, TRIT_CONVERT_AUTO, 0, 0 },
          "type I2_S is not for matrices with groups of columns: take PTQ1_0, PQ2_0 and Q2_0" },
        { { TRIT_TRAIN_TERNARY, GROUPS_INPUTS, false, TRIT_I2_S, TRIT_CONVERT_AUTO, 0, 0 },
          "type I2_S is not for matrices with groups of columns" },
        { { TRIT_TRAIN_TERNARY, GROUPS_ALL, false, TRIT_Q1_0, TRIT_CONVERT_AUTO, 0, 0 },
          "type Q1_0 is not for" },
        { { TRIT_TRAIN_DENSE, GROUPS_NONE, false, TRIT_I2_S, TRIT_CONVERT_AUTO, 0, 0 },
          "with values that are not quantised: take F16, Q8_0 and F32" },
        { { TRIT_TRAIN_DENSE, GROUPS_NONE, false, TRIT_Q6_K, TRIT_CONVERT_AUTO, 0, 0 },
          "type Q6_K is not for matrices" },
        { { TRIT_TRAIN_TERNARY, GROUPS_NONE, true, TRIT_CONVERT_AUTO, TRIT_F16, 0, 0 },
          "type F16 is not for an embedding with groups of columns" },
        { { TRIT_TRAIN_TERNARY, GROUPS_NONE, false, TRIT_CONVERT_AUTO, TRIT_PTQ1_0, 0, 0 },
          "type PTQ1_0 is not for an embedding with values that are not quantised" },
        { { TRIT_TRAIN_TERNARY, GROUPS_NONE, false, 9999, TRIT_CONVERT_AUTO, 0, 0 },
          "type unknown" },
        { { TRIT_TRAIN_TERNARY, GROUPS_NONE, false, TRIT_TQ2_0, TRIT_CONVERT_AUTO, 0, 0 },
          "type TQ2_0 is not for matrices" }, /* its scale is an f16 */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct option *o = &cases[i].o;
        struct trit_train_shape shape =
            trit_trained_shape(TRIT_TRAIN_BITNET, o->weights, o->groups);
        struct trit_trained t;
        shape.low_rows = o->low_rows;
        trit_trained_make(&t, &shape, *state);
        t.export.type = o->type;
        t.export.rows = o->rows;
        refused(&t, TRIT_EARGUMENT, cases[i].says);
        trit_trained_free(&t);
    }
}

static void another_vocabulary(void **state)
{
    struct trit_train_shape shape =
        trit_trained_shape(TRIT_TRAIN_BITNET, TRIT_TRAIN_TERNARY, GROUPS_NONE);
    struct trit_trained t;
    shape.vocab = 260;
    trit_trained_make(&t, &shape, *state);
    refused(&t, TRIT_EARGUMENT,
            "vocabulary.gguf: a vocabulary of 259 tokens, but the model has 260");
    trit_trained_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values),
        cmocka_unit_test(keys_of_a_plain_model),
        cmocka_unit_test(keys_of_rotated_inputs_of_4_bits),
        cmocka_unit_test(types_that_do_not_hold_it),
        cmocka_unit_test(another_vocabulary),
    };
    snprintf(path, sizeof path, "/tmp/trit_export_%ld.gguf", (long)getpid());
    const int failed = cmocka_run_group_tests(tests, trit_test_pool_setup, trit_test_pool_teardown);
    unlink(path);
    return failed;
}
