/* Are files whose weights mean something else than their types say refused, before anything is made
   of them, and with what to use instead? */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "tests/lib_model.h"
#include "tests/lib_pool.h"

static const struct trit_toy_shape small = { 32, 64, 2, 4, 2 };

static void refused(const struct trit_toy *toy, const char *says)
{
    static float logits[TRIT_TOY_LOGITS];
    struct trit_error e = { 0 };
    assert_int_equal(trit_toy_run(toy, NULL, logits, &e), TRIT_EUNSUPPORTED);
    if (!strstr(e.text, says) || strncmp(e.text, "toy.gguf: ", 10) || !strstr(e.text, "; use a"))
        fail_msg("'%s' is not in '%s'", says, e.text);
}

static void keys_of_other_programs(void **state)
{
    (void)state;
    static struct trit_toy toy;
    static const struct {
        struct trit_toy_key key;
        const char *says;
    } cases[] = {
        { { "oxibonsai.quant_format", TRIT_GGUF_STRING, 0, 0, "TQ2_0_G128" },
          "key 'oxibonsai.quant_format': written by OxiBonsai" },
        { { "general.quantization_version", TRIT_GGUF_STRING, 0, 0, "TQ2_0_G128" },
          "key 'general.quantization_version': written by OxiBonsai" },
        { { "prism.hadamard.version", TRIT_GGUF_U32, 1, 0, NULL },
          "key 'prism.hadamard.version': its weights are rotated" },
        { { "prism.hadamard.sign_values", TRIT_GGUF_ARRAY, 1, 0, NULL }, "are rotated (Hadamard)" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        trit_toy_init(&toy, i < 2 ? "bitnet-b1.58" : "llama", &small);
        trit_toy_set(&toy, &cases[i].key);
        refused(&toy, cases[i].says);
    }
}

/* And those that are known with another value. */
static void keys_of_ours_that_are_not_known(void **state)
{
    (void)state;
    static struct trit_toy toy;
    static float logits[TRIT_TOY_LOGITS];
    static const struct {
        struct trit_toy_key key;
        enum trit_code code;
        const char *says;
    } cases[] = {
        { { "tritmill.activation_bits", TRIT_GGUF_U32, 8, 0, NULL }, TRIT_OK, "" },
        { { "tritmill.activation_bits", TRIT_GGUF_U32, 4, 0, NULL }, TRIT_OK, "" },
        { { "tritmill.activation_bits", TRIT_GGUF_U32, 5, 0, NULL },
          TRIT_EUNSUPPORTED,
          "toy.gguf: key 'tritmill.activation_bits' is 5: supported are 8 and 4" },
        { { "tritmill.activation_bits", TRIT_GGUF_STRING, 0, 0, "4" },
          TRIT_EFORMAT,
          "toy.gguf: key 'tritmill.activation_bits'" },
        { { "tritmill.activation_bit", TRIT_GGUF_U32, 8, 0, NULL },
          TRIT_EUNSUPPORTED,
          "toy.gguf: key 'tritmill.activation_bit' is not known" },
        { { "tritmill.", TRIT_GGUF_U32, 0, 0, NULL },
          TRIT_EUNSUPPORTED,
          "toy.gguf: key 'tritmill.' is not known" },
        { { "tritmillion", TRIT_GGUF_U32, 0, 0, NULL }, TRIT_OK, "" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct trit_error e = { .text = "" };
        trit_toy_init(&toy, "bitnet-b1.58", &small);
        trit_toy_set(&toy, &cases[i].key);
        assert_int_equal(trit_toy_run(&toy, *state, logits, &e), cases[i].code);
        if (cases[i].code && strncmp(e.text, cases[i].says, strlen(cases[i].says)) != 0)
            fail_msg("'%s' is not '%s'", e.text, cases[i].says);
    }
}

/* Also where the architecture is none that runs here. */
static void numbers_of_types_that_forks_used(void **state)
{
    (void)state;
    static struct trit_toy toy;
    static const struct {
        uint32_t type;
        const char *says;
    } cases[] = {
        { 40, "tensor 'blk.0.attn_q.weight' has type 40: NVFP4, or Q1_0 with groups of 32" },
        { 43, "tensor 'blk.0.attn_q.weight' has type 43: a number that forks gave" },
        { 48, "tensor 'blk.0.attn_q.weight' has type 48: a number that forks gave" },
    };
    for (size_t i = 0; i < 6; i++) {
        trit_toy_init(&toy, "bitnet-b1.58", &small);
        trit_toy_tensor(&toy, "blk.0.attn_q.weight")->type = cases[i / 2].type;
        if (i % 2)
            trit_toy_set(&toy, &(struct trit_toy_key){ "general.architecture", TRIT_GGUF_STRING, 0,
                                                       0, "other" });
        refused(&toy, cases[i / 2].says);
    }
}

/* The usual version is no mark of anything. */
static void a_quantization_version_is_a_number(void **state)
{
    (void)state;
    static struct trit_toy toy;
    static float logits[TRIT_TOY_LOGITS];
    struct trit_error e = { 0 };
    trit_toy_init(&toy, "bitnet-b1.58", &small);
    trit_toy_set(
        &toy, &(struct trit_toy_key){ "general.quantization_version", TRIT_GGUF_U32, 2, 0, NULL });
    if (trit_toy_run(&toy, *state, logits, &e))
        fail_msg("%s", e.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_of_other_programs),
        cmocka_unit_test(keys_of_ours_that_are_not_known),
        cmocka_unit_test(numbers_of_types_that_forks_used),
        cmocka_unit_test(a_quantization_version_is_a_number),
    };
    return cmocka_run_group_tests(tests, trit_test_pool_setup, trit_test_pool_teardown);
}
