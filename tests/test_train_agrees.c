/* Does the runtime say of an exported model what the trainer's passes say of its masters: token by
   token, for every way of training and of storing? */
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

#include "runtime/model/model.h"
#include "runtime/train/net.h"
#include "tests/lib_pool.h"
#include "tests/lib_train.h"

enum { LENGTH = 64, VOCAB = 259 };

static char path[64];
static int32_t tokens[LENGTH + 1];

static void done(enum trit_code code, const struct trit_error *error)
{
    if (code)
        fail_msg("code %d: %s", code, error->text);
}

static void ask_trainer(const struct trit_trained *t, float nll[LENGTH])
{
    struct trit_train_net net;
    struct trit_error error = { .text = "" };
    done(trit_train_net_create(&net, &t->shape, t->export.pool, 1, &error), &error);
    memcpy(net.w, t->w, t->layout.floats * sizeof *net.w);
    trit_train_net_quantise(&net);
    trit_train_net_forward(&net, tokens, 1, nll);
    trit_train_net_free(&net);
}

static float nll_of(const float *logits, int32_t token)
{
    double sum = 0, most = -INFINITY;
    for (size_t i = 0; i < VOCAB; i++)
        most = fmax(most, (double)logits[i]);
    for (size_t i = 0; i < VOCAB; i++)
        sum += exp((double)logits[i] - most);
    return (float)(most + log(sum) - (double)logits[token]);
}

static void ask_runtime(const struct trit_trained *t, float nll[LENGTH])
{
    static float logits[LENGTH * VOCAB];
    struct trit_error error = { .text = "" };
    struct trit_gguf *gguf;
    struct trit_model *model = NULL;
    struct trit_session *session = NULL;
    done(trit_train_export_gguf(&t->export, path, &error), &error);
    done(trit_gguf_open(&gguf, path, &error), &error);
    done(trit_model_load(&model, gguf, t->export.pool, NULL, &error), &error);
    done(trit_session_create(&session, model, LENGTH, LENGTH, &error), &error);
    done(trit_session_eval(session, tokens, LENGTH, 0, logits, &error), &error);
    for (size_t i = 0; i < LENGTH; i++)
        nll[i] = nll_of(logits + i * VOCAB, tokens[i + 1]);
    trit_session_free(session);
    trit_model_free(model);
    trit_gguf_close(gguf);
}

static const struct option {
    const char *name;
    enum trit_train_weights weights;
    enum trit_trained_groups groups;
    uint32_t bits, hadamard, low_rows, type, rows;
} options[] = {
    { "dense", TRIT_TRAIN_DENSE, GROUPS_NONE, 0, 0, 0, TRIT_F32, TRIT_F32 },
    { "dense f16", TRIT_TRAIN_DENSE, GROUPS_NONE, 0, 0, 0, TRIT_F16, TRIT_F16 },
    { "dense q8_0", TRIT_TRAIN_DENSE, GROUPS_NONE, 0, 0, 0, TRIT_Q8_0, TRIT_Q8_0 },
    { "ternary", TRIT_TRAIN_TERNARY, GROUPS_NONE, 8, 0, 0, TRIT_I2_S, TRIT_F32 },
    { "ternary, f16 rows", TRIT_TRAIN_TERNARY, GROUPS_NONE, 8, 0, 0, TRIT_I2_S, TRIT_F16 },
    { "ternary, q8_0 rows", TRIT_TRAIN_TERNARY, GROUPS_NONE, 8, 0, 0, TRIT_I2_S, TRIT_Q8_0 },
    { "ternary, low rows", TRIT_TRAIN_TERNARY, GROUPS_NONE, 8, 0, 1, TRIT_I2_S, TRIT_PTQ1_0 },
    { "groups of inputs", TRIT_TRAIN_TERNARY, GROUPS_INPUTS, 8, 0, 0, TRIT_PTQ1_0, TRIT_F32 },
    { "binary, groups of inputs", TRIT_TRAIN_BINARY, GROUPS_INPUTS, 8, 0, 0, TRIT_Q1_0, TRIT_F32 },
    { "int4, groups of inputs", TRIT_TRAIN_TERNARY, GROUPS_INPUTS, 4, 0, 0, TRIT_PQ2_0, TRIT_F32 },
    { "groups", TRIT_TRAIN_TERNARY, GROUPS_ALL, 8, 0, 0, TRIT_PTQ1_0, TRIT_F32 },
    { "groups, low rows", TRIT_TRAIN_TERNARY, GROUPS_ALL, 8, 0, 1, TRIT_PQ2_0, TRIT_PQ2_0 },
    { "binary", TRIT_TRAIN_BINARY, GROUPS_NONE, 8, 0, 0, TRIT_I2_S, TRIT_F32 },
    { "binary groups", TRIT_TRAIN_BINARY, GROUPS_ALL, 8, 0, 0, TRIT_Q1_0, TRIT_F32 },
    { "binary groups, low rows", TRIT_TRAIN_BINARY, GROUPS_ALL, 8, 0, 1, TRIT_Q1_0, TRIT_Q1_0 },
    { "int4", TRIT_TRAIN_TERNARY, GROUPS_NONE, 4, 0, 0, TRIT_I2_S, TRIT_F32 },
    { "int4, low rows", TRIT_TRAIN_TERNARY, GROUPS_NONE, 4, 0, 1, TRIT_I2_S, TRIT_PTQ1_0 },
    { "hadamard", TRIT_TRAIN_TERNARY, GROUPS_NONE, 8, 128, 0, TRIT_I2_S, TRIT_F32 },
    { "hadamard, int4", TRIT_TRAIN_TERNARY, GROUPS_NONE, 4, 64, 0, TRIT_I2_S, TRIT_F32 },
    { "hadamard, int4, groups", TRIT_TRAIN_TERNARY, GROUPS_ALL, 4, 128, 0, TRIT_PTQ1_0, TRIT_F32 },
};

/* The runtime rounds keys and values to f16, and adds up in another order, so that some inputs
   which lie between two steps become the other one; steps of int4 are large. */
static void check(enum trit_train_family family, const struct option *o, struct trit_pool *pool)
{
    const double most_mean = o->bits == 4 ? 0.02 : 0.005, most_rms = o->bits == 4 ? 0.2 : 0.04;
    struct trit_train_shape shape = trit_trained_shape(family, o->weights, o->groups);
    struct trit_trained t;
    float ours[LENGTH], theirs[LENGTH];
    double mean = 0, rms = 0;
    shape.input_bits = o->bits;
    shape.hadamard = o->hadamard;
    shape.low_rows = o->low_rows;
    trit_trained_make(&t, &shape, pool);
    t.export.type = o->type;
    t.export.rows = o->rows;
    ask_trainer(&t, ours);
    ask_runtime(&t, theirs);
    for (size_t i = 0; i < LENGTH; i++) {
        const double by = (double)theirs[i] - (double)ours[i];
        mean += by / LENGTH;
        rms += by * by / LENGTH;
    }
    rms = sqrt(rms);
    trit_trained_free(&t);
    if (getenv("TRIT_SHOW"))
        print_message("%d %-24s mean %9.2e, root of squares %8.2e\n", family, o->name, mean, rms);
    if (!(fabs(mean) < most_mean) || !(rms < most_rms))
        fail_msg("family %d, %s: -ln p differs by %g, the root of squares is %g", family, o->name,
                 mean, rms);
}

static void every_option(void **state)
{
    for (int family = 0; family < TRIT_TRAIN_FAMILIES; family++)
        for (size_t i = 0; i < sizeof options / sizeof *options; i++)
            check(family, &options[i], *state);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_option) };
    for (int i = 0; i <= LENGTH; i++)
        tokens[i] = i * i * 7 % 251;
    snprintf(path, sizeof path, "/tmp/trit_agrees_%ld.gguf", (long)getpid());
    const int failed = cmocka_run_group_tests(tests, trit_test_pool_setup, trit_test_pool_teardown);
    unlink(path);
    return failed;
}
