/* Are masters that were trained a folder of Hugging Face's of which convert makes the model that
   export writes, and is what its config.json cannot say refused? */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/train/quantise.h"
#include "tests/lib_model.h"
#include "tests/lib_pool.h"
#include "tests/lib_train.h"

static char folder[64], ours[96], theirs[96];

static void done(enum trit_code code, const struct trit_error *error)
{
    if (code)
        fail_msg("code %d: %s", code, error->text);
}

static void check_tensor(const struct trit_trained *t, struct trit_source *s, size_t i)
{
    const struct trit_train_tensor *x = &t->layout.list[i];
    const size_t all = x->n * x->k;
    float *got = malloc(all * sizeof *got), *wanted = malloc(all * sizeof *wanted);
    struct trit_error error = { .text = "" };
    const size_t at = trit_trained_source(t, s, i);
    done(s->kind->prepare(s, at, t->export.pool, &error), &error);
    done(s->kind->rows(s, at, 0, x->n, got, &error), &error);
    trit_train_quantise_weights(t->export.pool, &t->shape, x, t->w + x->at, wanted);
    for (size_t j = 0; j < all; j++)
        if (memcmp(&got[j], &wanted[j], sizeof *got))
            fail_msg("'%s', element %zu: %.9g, wanted %.9g", x->name, j, (double)got[j],
                     (double)wanted[j]);
    free(got);
    free(wanted);
}

static void convert(const struct trit_trained *t, struct trit_source *source)
{
    struct trit_error error = { .text = "" };
    struct trit_convert c = { .source = source,
                              .type = t->shape.weights == TRIT_TRAIN_DENSE ? (uint32_t)TRIT_F32
                                                                           : TRIT_CONVERT_AUTO,
                              .head = TRIT_F16,
                              .pool = t->export.pool };
    done(trit_convert_plan(&c, &error), &error);
    done(trit_convert_write(&c, theirs, &error), &error);
    trit_convert_free(&c);
}

/* What a model says: of a text, of the toys' tokens, of itself. */
struct said {
    int32_t *ids;
    size_t n;
    float logits[TRIT_TOY_LOGITS];
    struct trit_config config;
};

static void ask(const char *path, struct trit_pool *pool, struct said *said)
{
    static const char text[] = "ab ba <|endoftext|>12, abc's\n";
    struct trit_error error = { .text = "" };
    struct trit_gguf *gguf;
    struct trit_model *model = NULL;
    struct trit_tokenizer *tokenizer = NULL;
    done(trit_gguf_open(&gguf, path, &error), &error);
    done(trit_config_read(&said->config, gguf, &error), &error);
    done(trit_tokenizer_load(&tokenizer, gguf, &error), &error);
    done(trit_tokenizer_encode(tokenizer, (struct trit_text){ text, sizeof text - 1 }, true,
                               &said->ids, &said->n, &error),
         &error);
    done(trit_model_load(&model, gguf, pool, NULL, &error), &error);
    done(trit_toy_use(model, said->logits, &error), &error);
    trit_model_free(model);
    trit_tokenizer_free(tokenizer);
    trit_gguf_close(gguf);
}

static void check_alike(struct trit_pool *pool)
{
    static struct said a, b;
    ask(ours, pool, &a);
    ask(theirs, pool, &b);
    assert_string_equal(a.config.name, "tales");
    assert_string_equal(b.config.name, "tales");
    assert_int_equal(a.config.context, b.config.context);
    assert_int_equal(a.n, b.n);
    assert_memory_equal(a.ids, b.ids, a.n * sizeof *a.ids);
    assert_memory_equal(a.logits, b.logits, sizeof a.logits);
    free(a.ids);
    free(b.ids);
}

static void check(enum trit_train_family family, enum trit_train_weights weights,
                  struct trit_pool *pool)
{
    const struct trit_train_shape shape = trit_trained_shape(family, weights, GROUPS_NONE);
    const struct trit_train_fact fact = { .key = "name", .value = "tales" };
    struct trit_error error = { .text = "" };
    struct trit_trained t;
    struct trit_source *s = NULL;
    trit_trained_make(&t, &shape, pool);
    t.export.facts = &fact;
    t.export.nfacts = 1;
    t.export.type = weights == TRIT_TRAIN_DENSE ? (uint32_t)TRIT_F32 : TRIT_CONVERT_AUTO;
    done(trit_train_masters_check(&t.export, folder, NULL, 0, &error), &error);
    done(trit_train_export_masters(&t.export, folder, &error), &error);
    done(trit_train_export_gguf(&t.export, ours, &error), &error);
    done(trit_source_open(&s, folder, &error), &error);
    assert_int_equal(s->ntensors, t.layout.ntensors);
    for (size_t i = 0; i < t.layout.ntensors; i++)
        check_tensor(&t, s, i);
    convert(&t, s);
    trit_source_close(s);
    check_alike(pool);
    trit_trained_free(&t);
}

static void read_back(void **state)
{
    for (int family = 0; family < TRIT_TRAIN_FAMILIES; family++) {
        check(family, TRIT_TRAIN_TERNARY, *state);
        check(family, TRIT_TRAIN_DENSE, *state);
    }
}

static void refused(const struct trit_trained *t, const char *where, enum trit_code code,
                    const char *says)
{
    struct trit_error error = { .text = "" };
    const enum trit_code first = trit_train_masters_check(&t->export, where, NULL, 0, &error);
    const enum trit_code got = trit_train_export_masters(&t->export, where, &error);
    if (first != code || got != code || !strstr(error.text, says))
        fail_msg("wanted code %d and '%s', got %d, %d: %s", code, says, first, got, error.text);
}

static void without_words(void **state)
{
    static const struct {
        enum trit_train_weights weights;
        enum trit_trained_groups groups;
        uint32_t bits, hadamard, low_rows;
        const char *says;
    } cases[] = {
        { TRIT_TRAIN_BINARY, GROUPS_NONE, 8, 0, 0, "config.json: has no words for binary weights" },
        { TRIT_TRAIN_TERNARY, GROUPS_INPUTS, 8, 0, 0, "for scales for groups of columns" },
        { TRIT_TRAIN_TERNARY, GROUPS_ALL, 8, 0, 0, "for scales for groups of columns" },
        { TRIT_TRAIN_TERNARY, GROUPS_NONE, 4, 0, 0, "for inputs of 4 bits" },
        { TRIT_TRAIN_TERNARY, GROUPS_NONE, 8, 64, 0, "for rotated inputs" },
        { TRIT_TRAIN_TERNARY, GROUPS_NONE, 8, 0, 1, "for a quantised embedding" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct trit_train_shape shape =
            trit_trained_shape(TRIT_TRAIN_BITNET, cases[i].weights, cases[i].groups);
        struct trit_trained t;
        shape.input_bits = cases[i].bits;
        shape.hadamard = cases[i].hadamard;
        shape.low_rows = cases[i].low_rows;
        trit_trained_make(&t, &shape, *state);
        refused(&t, folder, TRIT_EARGUMENT, cases[i].says);
        trit_trained_free(&t);
    }
}

static void places(void **state)
{
    const struct trit_train_shape shape =
        trit_trained_shape(TRIT_TRAIN_BITNET, TRIT_TRAIN_TERNARY, GROUPS_NONE);
    struct trit_trained t;
    char path[96];
    trit_trained_make(&t, &shape, *state);
    refused(&t, "/no/such/folder", TRIT_EIO, "/no/such/folder");
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    FILE *file = fopen(path, "w");
    fputs("a letter to somebody", file);
    fclose(file);
    refused(&t, folder, TRIT_EIO, "model.safetensors");
    trit_trained_free(&t);
}

static void remove_all(void)
{
    static const char *const names[] = { "model.safetensors",     "config.json", "tokenizer.json",
                                         "tokenizer_config.json", "ours.gguf",   "theirs.gguf" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[96];
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(read_back),
        cmocka_unit_test(without_words),
        cmocka_unit_test(places),
    };
    snprintf(folder, sizeof folder, "/tmp/trit_masters_XXXXXX");
    if (!mkdtemp(folder))
        return 1;
    snprintf(ours, sizeof ours, "%s/ours.gguf", folder);
    snprintf(theirs, sizeof theirs, "%s/theirs.gguf", folder);
    const int failed = cmocka_run_group_tests(tests, trit_test_pool_setup, trit_test_pool_teardown);
    remove_all();
    return failed;
}
