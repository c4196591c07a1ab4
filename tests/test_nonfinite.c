/* labels: threads */
/* Is a model whose evaluation leaves the finite numbers refused, with the first layer and part, by
   every kind of answer, and does a session stay as it was? */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/head/head.h"
#include "tests/lib_model.h"

static const struct trit_toy_shape small = { 32, 64, 3, 4, 2 }, wide = { 128, 256, 3, 4, 2 };
static const char bitnet[] = "bitnet-b1.58", llama[] = "llama";
static const char groups[] = "bitnet-b1.58", /* with a scale for each group of columns */
    four[] = "bitnet-b1.58";                 /* with inputs of four bits */
enum { N = TRIT_TOY_TOKENS, VOCAB = TRIT_TOY_VOCAB };

/* A toy in which element 5 of a vector is another; loaded. */
struct opened {
    uint8_t *image;
    struct trit_gguf *gguf;
    struct trit_pool *pool;
    struct trit_model *model;
    struct trit_session *session;
};

static struct opened open_toy(const char *arch, const char *tensor, float with, int threads)
{
    static struct trit_toy toy;
    struct opened o;
    struct trit_error error;
    size_t bytes;
    trit_toy_init(&toy, arch, arch == groups ? &wide : &small);
    if (arch == groups)
        trit_toy_retype(&toy, TOY_TRITS, TRIT_PQ2_0);
    if (arch == four)
        trit_toy_set(&toy, &(struct trit_toy_key){ .name = "tritmill.activation_bits",
                                                   .type = TRIT_GGUF_U32,
                                                   .number = 4 });
    for (size_t i = 0; i < small.layers && !strcmp(arch, "llama"); i++) {
        char name[64];
        snprintf(name, sizeof name, "blk.%zu.attn_sub_norm.weight", i);
        trit_toy_drop_tensor(&toy, name);
        snprintf(name, sizeof name, "blk.%zu.ffn_sub_norm.weight", i);
        trit_toy_drop_tensor(&toy, name);
    }
    if (tensor) {
        struct trit_toy_tensor *t = trit_toy_tensor(&toy, tensor);
        t->spoiled = true;
        t->at = 5;
        t->with = with;
    }
    o.image = trit_toy_write(&toy, &bytes);
    assert_int_equal(trit_gguf_parse(&o.gguf, o.image, bytes, "toy.gguf", &error), 0);
    assert_int_equal(trit_pool_create(&o.pool, threads, &error), 0);
    assert_int_equal(trit_model_load(&o.model, o.gguf, o.pool, NULL, &error), 0);
    assert_int_equal(trit_session_create(&o.session, o.model, 16, 3, &error), 0);
    return o;
}

static void close_toy(struct opened *o)
{
    trit_session_free(o->session);
    trit_model_free(o->model);
    trit_pool_destroy(o->pool);
    trit_gguf_close(o->gguf);
    free(o->image);
}

enum answer { ALL, BEST, NONE, NANSWERS };

static enum trit_code evaluate(struct opened *o, enum answer answer, struct trit_error *error)
{
    static float logits[TRIT_TOY_LOGITS];
    struct trit_candidate best[N];
    struct trit_top top[N];
    for (size_t i = 0; i < N; i++)
        top[i] = (struct trit_top){ .k = 1, .best = &best[i] };
    const struct trit_run run = { .session = o->session,
                                  .tokens = trit_toy_tokens,
                                  .count = N,
                                  .first = answer == NONE ? N : 0,
                                  .logits = logits,
                                  .top = answer == BEST ? top : NULL };
    return trit_model_eval(trit_session_work(o->session), &run, 1, error);
}

static const struct {
    const char *arch, *tensor;
    float with;
    const char *says;
} faults[] = {
    { bitnet, "blk.0.attn_norm.weight", 3e38f, "layer 0, attn norm" },
    { bitnet, "blk.1.attn_norm.weight", 3e38f, "layer 1, attn norm" },
    { bitnet, "blk.2.attn_sub_norm.weight", 3e38f, "layer 2, attn sub norm" },
    { bitnet, "blk.1.ffn_norm.weight", 3e38f, "layer 1, ffn norm" },
    /* squares of what comes of it overflow: the next norm would make zeros of it */
    { bitnet, "blk.0.attn_sub_norm.weight", 1e30f, "layer 0, ffn norm" },
    { bitnet, "blk.2.ffn_sub_norm.weight", 1e30f, "output norm" },
    { bitnet, "output_norm.weight", 3e38f, "output norm" },
    { bitnet, "blk.1.ffn_norm.weight", 1e30f, "layer 1, gate, up" },
    { groups, "blk.2.attn_sub_norm.weight", 3e38f, "layer 2, attn sub norm" },
    { groups, "blk.0.attn_sub_norm.weight", 1e30f, "layer 0, ffn norm" },
    { groups, "blk.1.ffn_norm.weight", 1e30f, "layer 1, gate, up" },
    { groups, "blk.2.ffn_sub_norm.weight", 1e30f, "output norm" },
    { four, "blk.0.attn_norm.weight", 3e38f, "layer 0, attn norm" },
    { four, "blk.2.attn_sub_norm.weight", 3e38f, "layer 2, attn sub norm" },
    { four, "blk.0.attn_sub_norm.weight", 1e30f, "layer 0, ffn norm" },
    { four, "blk.2.ffn_sub_norm.weight", 1e30f, "output norm" },
    { four, "blk.1.ffn_norm.weight", 1e30f, "layer 1, gate, up" },
    { llama, "blk.1.attn_norm.weight", 3e38f, "layer 1, attn norm" },
    { llama, "blk.2.ffn_norm.weight", 3e38f, "layer 2, ffn norm" },
    { llama, "blk.1.ffn_norm.weight", 1e30f, "layer 1, gate, up" },
    { llama, "output_norm.weight", 3e38f, "output norm" },
};

static void names_the_first_part(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        for (int threads = 1; threads <= 2; threads++)
            for (enum answer a = 0; a < NANSWERS; a++) {
                struct trit_error error = { .text = "" };
                struct opened o =
                    open_toy(faults[i].arch, faults[i].tensor, faults[i].with, threads);
                const bool unseen = a == NONE && !strncmp(faults[i].says, "output", 6);
                const enum trit_code code = evaluate(&o, a, &error);
                if (code != (unseen ? TRIT_OK : TRIT_EFORMAT))
                    fail_msg("%s, answer %d: code %d", faults[i].tensor, (int)a, (int)code);
                if (code && (strncmp(error.text, "toy.gguf: ", 10) != 0 ||
                             !strstr(error.text, faults[i].says) ||
                             !strstr(error.text, ": not finite at token ")))
                    fail_msg("%s: %s", faults[i].tensor, error.text);
                if (code && trit_session_position(o.session) % 3)
                    fail_msg("%s: at %zu", faults[i].tensor, trit_session_position(o.session));
                close_toy(&o);
            }
}

/* The fault is of the evaluation, not of the memory it ran in: the same is said again. */
static void says_it_again(void **state)
{
    (void)state;
    struct trit_error first = { .text = "" }, again = { .text = "" };
    struct opened o = open_toy(bitnet, "blk.1.ffn_norm.weight", 3e38f, 1);
    assert_int_equal(evaluate(&o, ALL, &first), TRIT_EFORMAT);
    trit_session_rewind(o.session, 0);
    assert_int_equal(evaluate(&o, ALL, &again), TRIT_EFORMAT);
    assert_string_equal(first.text, again.text);
    close_toy(&o);
}

static void leaves_others_alone(void **state)
{
    (void)state;
    static const struct {
        const char *tensor;
        float with;
    } fine[] = { { NULL, 0 },
                 { "blk.1.attn_norm.weight", 0 },
                 { "blk.1.ffn_sub_norm.weight", 1e6f },
                 { "blk.0.ffn_norm.weight", -1e4f },
                 { "output_norm.weight", 0 } };
    for (size_t i = 0; i < sizeof fine / sizeof *fine; i++)
        for (enum answer a = 0; a < NANSWERS; a++) {
            struct trit_error error = { .text = "" };
            struct opened o = open_toy(bitnet, fine[i].tensor, fine[i].with, 1);
            if (evaluate(&o, a, &error))
                fail_msg("%s", error.text);
            assert_int_equal(trit_session_position(o.session), N);
            close_toy(&o);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_the_first_part),
        cmocka_unit_test(says_it_again),
        cmocka_unit_test(leaves_others_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
