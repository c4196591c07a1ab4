/* Does a family's table give the matrices that a layer runs, and do the keys that a family leaves
   free, absent or fixed mean what it says? */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/model/family.h"
#include "runtime/model/shapes.h"
#include "tests/lib_model.h"

static struct trit_pool *pool;
static struct trit_toy toy;

static void assert_matrix(const struct trit_model_matrix *m, const char *name, size_t n, size_t k,
                          size_t count)
{
    assert_string_equal(m->name, name);
    assert_int_equal(m->n, n);
    assert_int_equal(m->k, k);
    assert_int_equal(m->count, count);
}

static void matrices_of_2b4t(void **state)
{
    struct trit_model_matrix m[TRIT_MODEL_MATRICES];
    struct trit_shape shape;
    struct trit_config c;
    (void)state;
    assert_int_equal(trit_shape_parse(&shape, "2b4t", NULL), TRIT_OK);
    trit_shape_config(&shape, trit_family_find("bitnet-25", 9), &c);
    assert_int_equal(trit_model_matrices(&c, m), 5);
    assert_matrix(&m[0], "q|k|v", 3840, 2560, 30);
    assert_matrix(&m[1], "o", 2560, 2560, 30);
    assert_matrix(&m[2], "gate|up", 13824, 2560, 30);
    assert_matrix(&m[3], "down", 2560, 6912, 30);
    assert_matrix(&m[4], "gate", 6912, 2560, 0);
}

/* A token goes through 8 of 256 experts in each of 24 layers. */
static void matrices_of_experts(void **state)
{
    struct trit_model_matrix m[TRIT_MODEL_MATRICES];
    struct trit_shape shape;
    struct trit_config c;
    (void)state;
    assert_int_equal(trit_shape_parse(&shape, "maple-20b", NULL), TRIT_OK);
    trit_shape_config(&shape, trit_shape_family(&shape), &c);
    assert_int_equal(trit_model_matrices(&c, m), 4);
    assert_matrix(&m[2], "gate|up", 1024, 2048, 24 * 8);
    assert_matrix(&m[3], "down", 2048, 512, 24 * 8);
    assert_int_equal(m[2].held, 24 * 256);
    assert_int_equal(trit_model_trits(&c) / 10000000, 1957);
    assert_int_equal(c.windows.length, 512);
    assert_true(trit_config_windowed(&c, 2) && !trit_config_windowed(&c, 3));
}

/* Heads of a size of their own: q is wider than the stream. */
static void matrices_of_wide_heads(void **state)
{
    struct trit_model_matrix m[TRIT_MODEL_MATRICES];
    struct trit_shape shape;
    struct trit_config c;
    (void)state;
    assert_int_equal(trit_shape_parse(&shape, "256x512x3x4x2", NULL), TRIT_OK);
    trit_shape_config(&shape, trit_family_find("llama", 5), &c);
    c.head_dim = 96;
    assert_int_equal(trit_model_matrices(&c, m), 4);
    assert_matrix(&m[0], "q|k|v", 768, 256, 3);
    assert_matrix(&m[1], "o", 256, 384, 3);
}

static void names_are_found_whole(void **state)
{
    (void)state;
    assert_ptr_equal(trit_family_find("bitnet-25", 9), trit_family_find("bitnet-b1.58", 12));
    assert_non_null(trit_family_find("llama", 5));
    assert_null(trit_family_find("llama", 4));
    assert_null(trit_family_find("llama4", 6));
    assert_null(trit_family_find("", 0));
}

/* The config of a toy of the architecture, with one key set and one dropped. */
static enum trit_code read_toy(const char *arch, const struct trit_toy_key *set,
                               const char *dropped, struct trit_config *c, struct trit_error *error)
{
    static const struct trit_toy_shape shape = { 32, 64, 2, 4, 2 };
    struct trit_gguf *gguf;
    size_t bytes;
    trit_toy_init(&toy, arch, &shape);
    if (set)
        trit_toy_set(&toy, set);
    if (dropped)
        trit_toy_drop_key(&toy, dropped);
    uint8_t *file = trit_toy_write(&toy, &bytes);
    enum trit_code code = trit_gguf_parse(&gguf, file, bytes, "toy.gguf", error);
    assert_int_equal(code, TRIT_OK);
    code = trit_config_read(c, gguf, error);
    trit_gguf_close(gguf);
    free(file);
    return code;
}

static void llama_reads_its_own_keys(void **state)
{
    struct trit_error error = { .text = "" };
    struct trit_config c;
    const struct trit_toy_key length = { "llama.attention.key_length", TRIT_GGUF_U32, 24, 0, NULL };
    (void)state;
    assert_int_equal(read_toy("llama", NULL, "llama.rope.freq_base", &c, &error), TRIT_OK);
    assert_true(c.rope_base == 10000 && c.head_dim == 8);
    assert_int_equal(read_toy("llama", &length, "llama.rope.dimension_count", &c, &error), TRIT_OK);
    assert_true(c.head_dim == 24 && c.rope_dims == 24);
    assert_int_equal(read_toy("bitnet-b1.58", NULL, "bitnet-b1.58.rope.freq_base", &c, &error),
                     TRIT_EFORMAT);
    assert_non_null(strstr(error.text, "rope.freq_base"));
}

static void llama_refuses_other_graphs(void **state)
{
    static const struct {
        struct trit_toy_key key;
        const char *text;
    } cases[] = {
        { { "llama.attention.value_length", TRIT_GGUF_U32, 4, 0, NULL },
          "value_length' is 4, but attention.key_l" },
        { { "llama.expert_count", TRIT_GGUF_U32, 8, 0, NULL },
          "expert_count' is 8: supported is only 0" },
        { { "llama.attention.sliding_window", TRIT_GGUF_U32, 9, 0, NULL }, "sliding_window' is 9" },
        { { "llama.rope.scaling.type", TRIT_GGUF_STRING, 0, 0, "yarn" },
          "scaling.type' is 'yarn'" },
        { { "llama.hidden_activation", TRIT_GGUF_STRING, 0, 0, "relu2" },
          "supported are 'silu' and 'swish'" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct trit_error error = { .text = "" };
        struct trit_config c;
        assert_int_equal(read_toy("llama", &cases[i].key, NULL, &c, &error), TRIT_EUNSUPPORTED);
        if (!strstr(error.text, cases[i].text))
            fail_msg("'%s' is not in '%s'", cases[i].text, error.text);
    }
}

/* The config of a qwen3 toy with YaRN's keys and these besides, or in their place. */
static enum trit_code read_yarn(const struct trit_toy_key *set, size_t nset, struct trit_config *c,
                                struct trit_error *error)
{
    static const struct trit_toy_shape shape = { 32, 64, 2, 4, 2 };
    const struct trit_toy_key yarn[] = {
        { "qwen3.attention.key_length", TRIT_GGUF_U32, 24, 0, NULL },
        { "qwen3.rope.scaling.type", TRIT_GGUF_STRING, 0, 0, "yarn" },
        { "qwen3.rope.scaling.factor", TRIT_GGUF_F32, 0, 4, NULL },
        { "qwen3.rope.scaling.original_context_length", TRIT_GGUF_U32, 8192, 0, NULL },
    };
    struct trit_gguf *gguf;
    size_t bytes;
    trit_toy_init(&toy, "qwen3", &shape);
    trit_toy_drop_key(&toy, "qwen3.rope.dimension_count");
    for (size_t i = 0; i < sizeof yarn / sizeof *yarn; i++)
        trit_toy_set(&toy, &yarn[i]);
    for (size_t i = 0; i < nset; i++)
        trit_toy_set(&toy, &set[i]);
    uint8_t *file = trit_toy_write(&toy, &bytes);
    enum trit_code code = trit_gguf_parse(&gguf, file, bytes, "toy.gguf", error);
    assert_int_equal(code, TRIT_OK);
    code = trit_config_read(c, gguf, error);
    trit_gguf_close(gguf);
    free(file);
    return code;
}

static void qwen3_reads_yarn(void **state)
{
    const struct trit_toy_key more[] = {
        { "qwen3.rope.scaling.attn_factor", TRIT_GGUF_F32, 0, 0.75, NULL },
        { "qwen3.rope.scaling.yarn_ext_factor", TRIT_GGUF_F32, 0, 1, NULL },
        { "qwen3.rope.scaling.yarn_beta_slow", TRIT_GGUF_F32, 0, 2, NULL },
    };
    struct trit_error error = { .text = "" };
    struct trit_config c;
    (void)state;
    assert_int_equal(read_yarn(more, 0, &c, &error), TRIT_OK);
    assert_true(c.head_dim == 24 && c.rope_dims == 24);
    assert_true(c.yarn.factor == 4 && c.yarn.original == 8192 && c.yarn.attn_factor == 1 &&
                c.yarn.beta_fast == 32 && c.yarn.beta_slow == 1);
    assert_int_equal(read_yarn(more, sizeof more / sizeof *more, &c, &error), TRIT_OK);
    assert_true(c.yarn.attn_factor == 0.75f && c.yarn.beta_slow == 2);
    assert_int_equal(read_toy("qwen3", NULL, NULL, &c, &error), TRIT_OK);
    assert_true(c.yarn.factor == 0);
}

#define SCALING(name) "qwen3.rope.scaling." name
static void qwen3_refuses_what_is_no_yarn(void **state)
{
    static const struct {
        struct trit_toy_key key;
        enum trit_code code;
        const char *text;
    } cases[] = {
        { { SCALING("type"), TRIT_GGUF_STRING, 0, 0, "longrope" },
          TRIT_EUNSUPPORTED,
          "scaling.type' is 'longrope': supported are 'none' and 'yarn'" },
        { { SCALING("type"), TRIT_GGUF_STRING, 0, 0, "none" },
          TRIT_EUNSUPPORTED,
          "scaling.factor' is 4: supported is only 1" },
        { { SCALING("type"), TRIT_GGUF_U32, 1, 0, NULL }, TRIT_EFORMAT, "is u32, must be string" },
        { { SCALING("factor"), TRIT_GGUF_F32, 0, 0.5, NULL }, TRIT_EFORMAT, "is 0.5: must be 1" },
        { { SCALING("factor"), TRIT_GGUF_F32, 0, NAN, NULL }, TRIT_EFORMAT, "is nan: must be 1" },
        { { SCALING("factor"), TRIT_GGUF_F32, 0, INFINITY, NULL }, TRIT_EFORMAT, "is inf" },
        { { SCALING("original_context_length"), TRIT_GGUF_U32, 0, 0, NULL },
          TRIT_EFORMAT,
          "original_context_length' is 0: must be 1" },
        { { SCALING("attn_factor"), TRIT_GGUF_F32, 0, -1, NULL }, TRIT_EFORMAT, "is -1: must be" },
        { { SCALING("yarn_beta_fast"), TRIT_GGUF_F32, 0, 0, NULL }, TRIT_EFORMAT, "is 0: must be" },
        { { SCALING("yarn_beta_slow"), TRIT_GGUF_F32, 0, 33, NULL },
          TRIT_EFORMAT,
          "yarn_beta_slow' is 33: must be at most yarn_beta_fast, 32" },
        { { SCALING("yarn_ext_factor"), TRIT_GGUF_F32, 0, 0.5, NULL },
          TRIT_EUNSUPPORTED,
          "yarn_ext_factor' is 0.5: supported is only 1" },
        { { SCALING("yarn_attn_factor"), TRIT_GGUF_F32, 0, 2, NULL },
          TRIT_EUNSUPPORTED,
          "yarn_attn_factor' is 2: supported is only 1" },
        { { "qwen3.rope.freq_base", TRIT_GGUF_F32, 0, 1, NULL },
          TRIT_EFORMAT,
          "freq_base' is 1: YaRN needs more than 1" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct trit_error error = { .text = "" };
        struct trit_config c;
        const enum trit_code code = read_yarn(&cases[i].key, 1, &c, &error);
        if (code != cases[i].code || !strstr(error.text, cases[i].text))
            fail_msg("code %d: '%s' is not in '%s'", code, cases[i].text, error.text);
    }
}

/* Sub-norms mean another graph. */
static void llama_has_no_place_for_sub_norms(void **state)
{
    static const struct trit_toy_shape shape = { 32, 64, 2, 4, 2 };
    static float logits[TRIT_TOY_LOGITS];
    struct trit_error error = { .text = "" };
    (void)state;
    trit_toy_init(&toy, "llama", &shape);
    assert_int_equal(trit_toy_run(&toy, pool, logits, &error), TRIT_EUNSUPPORTED);
    assert_non_null(strstr(error.text, "attn_sub_norm.weight' has no place in architecture llama"));
    for (int i = 0; i < 2; i++) {
        trit_toy_drop_tensor(&toy, i ? "blk.1.attn_sub_norm.weight" : "blk.0.attn_sub_norm.weight");
        trit_toy_drop_tensor(&toy, i ? "blk.1.ffn_sub_norm.weight" : "blk.0.ffn_sub_norm.weight");
    }
    assert_int_equal(trit_toy_run(&toy, pool, logits, &error), TRIT_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matrices_of_2b4t),
        cmocka_unit_test(matrices_of_experts),
        cmocka_unit_test(matrices_of_wide_heads),
        cmocka_unit_test(names_are_found_whole),
        cmocka_unit_test(llama_reads_its_own_keys),
        cmocka_unit_test(llama_refuses_other_graphs),
        cmocka_unit_test(qwen3_reads_yarn),
        cmocka_unit_test(qwen3_refuses_what_is_no_yarn),
        cmocka_unit_test(llama_has_no_place_for_sub_norms),
    };
    if (trit_pool_create(&pool, 2, NULL))
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    trit_pool_destroy(pool);
    return failed;
}
