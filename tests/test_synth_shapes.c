/* Are the named shapes those that were published, and is every text that is no shape refused with a
 * reason? */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "runtime/model/shapes.h"

static void the_table_is_sound(void **state)
{
    (void)state;
    size_t n = 0;
    for (const struct trit_shape *s; (s = trit_shape_get(n)); n++) {
        struct trit_shape parsed;
        assert_int_equal(trit_shape_parse(&parsed, s->name, NULL), TRIT_OK);
        assert_memory_equal(&parsed, s, sizeof parsed);
        assert_true((s->head_dim || s->hidden % s->heads == 0) && s->heads % s->kv_heads == 0);
        assert_non_null(trit_shape_family(s));
        assert_true(s->hidden * s->ffn % 128 == 0 && s->vocab && s->context);
    }
    assert_int_equal(n, 21);
}

static void bitnet_2b4t_has_its_published_size(void **state)
{
    (void)state;
    struct trit_shape s;
    assert_int_equal(trit_shape_parse(&s, "2b4t", NULL), TRIT_OK);
    size_t kv = s.hidden / s.heads * s.kv_heads;
    size_t trits = s.layers * (2 * s.hidden * (s.hidden + kv) + 3 * s.hidden * s.ffn);
    assert_int_equal(trits, 2084044800);
    assert_int_equal(s.vocab, 128256);
    assert_false(s.untied);
}

/* Low-bit weights as published, embedding and head among them. */
static void bonsai_models_have_their_published_sizes(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t weights;
    } models[] = { { "bonsai-1.7b", 1719904256 },
                   { "bonsai-4b", 4021588480 },
                   { "bonsai-8b", 8188239872 } };
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        struct trit_shape s;
        struct trit_config c;
        assert_int_equal(trit_shape_parse(&s, models[i].name, NULL), TRIT_OK);
        trit_shape_config(&s, trit_shape_family(&s), &c);
        assert_string_equal(c.arch, "qwen3");
        assert_true(c.yarn.factor == 4 && c.head_dim == 128);
        struct trit_model_matrix list[TRIT_MODEL_MATRICES];
        const size_t n = trit_model_matrices(&c, list); /* the head among them */
        size_t weights = s.untied ? s.vocab * s.hidden : 0;
        for (size_t j = 0; j < n; j++)
            weights += list[j].n * list[j].k * list[j].count;
        assert_int_equal(weights, models[i].weights);
    }
}

/* The matrices of the 27B as FORMATS-2 (3.1) counts them, alpha and beta among them; the sizes of
   its delta layers. */
static void bonsai2_27b_has_its_published_size(void **state)
{
    (void)state;
    struct trit_shape s;
    struct trit_config c;
    assert_int_equal(trit_shape_parse(&s, "bonsai2-27b", NULL), TRIT_OK);
    trit_shape_config(&s, trit_shape_family(&s), &c);
    assert_string_equal(c.arch, "qwen35");
    assert_int_equal(trit_model_trits(&c) + s.vocab * s.hidden, 26869760000 + 23592960);
    assert_true(c.rope_dims == 64 && c.head_dim == 256 && c.rope_base == 1e7f);
    assert_true(c.interval == 4 && trit_config_attending(&c) == 16 && !c.yarn.factor);
    assert_true(c.delta.k_heads == 16 && c.delta.v_heads == 48 && c.delta.state == 128);
    assert_int_equal(c.delta.taps, 4);
}

static void delta_layers_follow_from_a_shape(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t k_heads, v_heads, state, interval;
    } cases[] = { { "bonsai2-2b", 16, 16, 128, 4 },
                  { "bonsai2-9b", 16, 32, 128, 4 },
                  { "256x384x5x8x2x96", 2, 6, 128, 4 },
                  { "256x384x3x4x2", 1, 2, 128, 3 },
                  { "192x384x1x3x3", 1, 3, 64, 1 } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct trit_shape s;
        struct trit_config c;
        assert_int_equal(trit_shape_parse(&s, cases[i].text, NULL), TRIT_OK);
        trit_shape_config(&s, trit_family_find("qwen35", 6), &c);
        assert_int_equal(c.delta.k_heads, cases[i].k_heads);
        assert_int_equal(c.delta.v_heads, cases[i].v_heads);
        assert_int_equal(c.delta.state, cases[i].state);
        assert_int_equal(c.interval, cases[i].interval);
        trit_shape_config(&s, trit_family_find("qwen3", 5), &c);
        assert_true(c.delta.v_heads == 0 && c.interval == 0 && c.rope_dims == c.head_dim);
    }
}

static void a_shape_spelt_out(void **state)
{
    (void)state;
    struct trit_shape s;
    assert_int_equal(trit_shape_parse(&s, "320x800x3x5x1", NULL), TRIT_OK);
    assert_string_equal(s.name, "320x800x3x5x1");
    assert_true(s.hidden == 320 && s.ffn == 800 && s.layers == 3 && s.heads == 5);
    assert_true(s.kv_heads == 1 && s.vocab == 32768 && s.context == 4096 && !s.untied);
    assert_int_equal(trit_shape_parse(&s, "300x800x3x7x1x96", NULL), TRIT_OK);
    assert_true(s.hidden == 300 && s.heads == 7 && s.head_dim == 96);
}

static void texts_that_are_no_shape(void **state)
{
    (void)state;
    static const struct {
        const char *text, *error;
    } cases[] = {
        { "", "neither one of tiny, embedding-270m, embedding-0.6b, large, falcon3-1b, " },
        { "", "bonsai2-9b, falcon3-10b, maple-20b, bonsai2-27b nor HIDDENxFFN" },
        { "2B4T", "shape '2B4T': neither" },
        { "256x768x2x4", "neither" },
        { "256x768x2x4x2x", "neither" },
        { "256x768x2x4x2x64x1", "neither" },
        { "256x768x2x4x2x1", "the head size 1 is odd" },
        { "256x768x2x4x2x4098", "the head size must be 1 to 4096" },
        { "256x768x2x4x2 ", "neither" },
        { "256x768x2x4x-2", "neither" },
        { " 256x768x2x4x2", "neither" },
        { "256x768xx4x2", "neither" },
        { "0x768x2x4x2", "the hidden size must be 1 to 4194304" },
        { "256x0x2x4x2", "the feed-forward size must be" },
        { "256x768x99999x4x2", "the number of layers must be 1 to 1024" },
        { "256x768x2x0x2", "the number of heads must be 1 to 4096" },
        { "256x768x2x4x0", "the number of key-value heads must be" },
        { "18446744073709551872x768x2x4x2", "the hidden size must be" },
        { "99999999999999999999999999999999999999999999x1x1x1x1", "the hidden size must be" },
        { "256x768x2x3x3", "3 heads do not divide hidden 256" },
        { "256x768x2x4x3", "3 key-value heads do not divide 4 heads" },
        { "256x768x2x2x4", "4 key-value heads do not divide 2 heads" },
        { "12x768x2x4x2", "the head size 3 is odd" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct trit_shape s;
        struct trit_error e = { 0 };
        assert_int_equal(trit_shape_parse(&s, cases[i].text, &e), TRIT_EARGUMENT);
        if (!strstr(e.text, cases[i].error))
            fail_msg("'%s' is not in '%s'", cases[i].error, e.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_is_sound),
        cmocka_unit_test(bitnet_2b4t_has_its_published_size),
        cmocka_unit_test(bonsai_models_have_their_published_sizes),
        cmocka_unit_test(bonsai2_27b_has_its_published_size),
        cmocka_unit_test(delta_layers_follow_from_a_shape),
        cmocka_unit_test(a_shape_spelt_out),
        cmocka_unit_test(texts_that_are_no_shape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
