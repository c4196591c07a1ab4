/* Does the KV cache in int8 leave alone kernels whose blocks of rows do not divide its chunks? */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "runtime/kernel/pack.h"
#include "runtime/kernel/probe.h"
#include "runtime/kernel/ref.h"
#include "tests/lib_model.h"

enum { NR = 48, TOKENS = 300, VOCAB = TRIT_TOY_VOCAB };

/* A right one, by the reference. */
static void slow(size_t m, size_t n, size_t k, const uint8_t *w, const float *d, const int8_t *a,
                 size_t lda, const float *s, const int32_t *sum, float *y, size_t ldy)
{
    int8_t *weights = malloc(n * k);
    (void)sum;
    assert_non_null(weights);
    trit_ref_unpack("i8", n, k, w, NR, weights);
    trit_ref_mm(m, n, k, weights, d, a, lda, s, y, ldy);
    free(weights);
}

static struct trit_kernel odd = { .name = "trit_gemm_i8_i8_6x48x16__c_odd",
                                  .op = TRIT_OP_gemm,
                                  .packing = "i8",
                                  .act = "i8",
                                  .mr = 6,
                                  .nr = NR,
                                  .kr = 16,
                                  .cost = 1e-6f,
                                  .source = "test",
                                  .hash = 48,
                                  .fn.gemm = slow };

/* All logits of a text longer than a chunk. */
static void run(float *logits)
{
    static const struct trit_toy_shape shape = { 64, 128, 2, 4, 2 };
    static struct trit_toy toy;
    const struct trit_load_options options = { .kv = TRIT_KV_I8 };
    struct trit_error error = { 0 };
    struct trit_pool *pool;
    struct trit_gguf *gguf;
    struct trit_model *model;
    struct trit_session *session = NULL;
    int32_t tokens[TOKENS];
    size_t bytes;
    for (size_t i = 0; i < TOKENS; i++)
        tokens[i] = (int32_t)(i * 37 % VOCAB);
    trit_toy_init(&toy, "bitnet-b1.58", &shape);
    uint8_t *image = trit_toy_write(&toy, &bytes);
    assert_int_equal(trit_pool_create(&pool, 2, NULL), TRIT_OK);
    assert_int_equal(trit_gguf_parse(&gguf, image, bytes, "toy.gguf", NULL), TRIT_OK);
    if (trit_model_load(&model, gguf, pool, &options, &error) ||
        trit_session_create(&session, model, TOKENS, 16, &error) ||
        trit_session_eval(session, tokens, TOKENS, 0, logits, &error))
        fail_msg("%s", error.text);
    trit_session_free(session);
    trit_model_free(model);
    trit_gguf_close(gguf);
    trit_pool_destroy(pool);
    free(image);
}

static void blocks_that_go_past_a_chunk_are_not_picked(void **state)
{
    (void)state;
    float *before = malloc(TOKENS * VOCAB * sizeof *before),
          *after = malloc(TOKENS * VOCAB * sizeof *after);
    assert_true(before && after);
    run(before);
    for (int isa = 0; isa < TRIT_NISA; isa++)
        if (trit_isa_usable((enum trit_isa)isa, NULL))
            odd.isa = (enum trit_isa)isa;
    assert_int_equal(trit_kernels_add(&odd, 1, NULL), TRIT_OK);
    assert_true(trit_kernel_sound(&odd));
    run(after);
    assert_memory_equal(before, after, TOKENS * VOCAB * sizeof *before);
    free(before);
    free(after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_that_go_past_a_chunk_are_not_picked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
