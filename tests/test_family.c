/* Does a family's table give the matrices that a layer runs, and do the keys that a family leaves
   free, absent or fixed mean what it says? */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
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
        cmocka_unit_test(matrices_of_wide_heads),
        cmocka_unit_test(names_are_found_whole),
        cmocka_unit_test(llama_reads_its_own_keys),
        cmocka_unit_test(llama_refuses_other_graphs),
        cmocka_unit_test(llama_has_no_place_for_sub_norms),
    };
    if (trit_pool_create(&pool, 2, NULL))
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    trit_pool_destroy(pool);
    return failed;
}
