/* labels: threads */
/* Is a synthetic model the same file for the same seed, with the shape, the distribution and the
   spread that were asked for, and is nothing left behind when it cannot be written? */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/format/rows.h"
#include "runtime/format/ternary.h"
#include "runtime/synth/synth.h"
#include "runtime/text/tokenizer.h"

static char dir[64];
static struct trit_pool *pools[2]; /* of 1 and of 3 threads */
static struct trit_vocab vocabulary;

static char *file(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static struct trit_synth tiny(uint64_t seed)
{
    struct trit_synth s = { .vocabulary = &vocabulary,
                            .arch = "bitnet-b1.58",
                            .type = TRIT_I2_S,
                            .embd = TRIT_F16,
                            .seed = seed };
    assert_int_equal(trit_shape_parse(&s.shape, "tiny", NULL), TRIT_OK);
    return s;
}

static struct trit_gguf *write_and_open(const struct trit_synth *s, const char *name, int pool)
{
    struct trit_error e = { 0 };
    struct trit_gguf *g = NULL;
    if (trit_synth_write(s, file(name), pools[pool], &e) || trit_gguf_open(&g, file(name), &e))
        fail_msg("%s", e.text);
    return g;
}

static const struct trit_gguf_tensor *tensor(const struct trit_gguf *g, const char *name)
{
    const struct trit_gguf_tensor *t = trit_gguf_tensor(g, name);
    if (!t)
        fail_msg("no tensor %s", name);
    return t;
}

static void a_seed_gives_one_file(void **state)
{
    (void)state;
    struct trit_synth s = tiny(5), other = tiny(6);
    struct trit_gguf *a = write_and_open(&s, "a", 0), *b = write_and_open(&s, "b", 1);
    struct trit_gguf *c = write_and_open(&other, "c", 1);
    assert_true(a->size == b->size && a->size == c->size);
    assert_memory_equal(a->base, b->base, a->size);
    assert_true(memcmp(a->base + a->data_offset, c->base + c->data_offset, 1000) != 0);
    trit_gguf_close(a);
    trit_gguf_close(b);
    trit_gguf_close(c);
}

static void the_file_says_what_it_is(void **state)
{
    (void)state;
    struct trit_synth s = tiny(1);
    s.shape.untied = true;
    s.arch = "bitnet-25";
    struct trit_gguf *g = write_and_open(&s, "a", 1);
    static const struct {
        const char *key;
        uint32_t value;
    } keys[] = {
        { "general.file_type", 40 },
        { "bitnet-25.vocab_size", 512 },
        { "bitnet-25.context_length", 2048 },
        { "bitnet-25.embedding_length", 256 },
        { "bitnet-25.block_count", 2 },
        { "bitnet-25.feed_forward_length", 768 },
        { "bitnet-25.rope.dimension_count", 64 },
        { "bitnet-25.attention.head_count", 4 },
        { "bitnet-25.attention.head_count_kv", 2 },
        { "tokenizer.ggml.bos_token_id", 272 },
        { "tokenizer.ggml.eos_token_id", 273 },
    };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        uint32_t v = 0;
        if (trit_gguf_u32(g, keys[i].key, &v, NULL) || v != keys[i].value)
            fail_msg("%s is %u", keys[i].key, (unsigned)v);
    }
    assert_int_equal(g->ntensors, 2 * 11 + 3);
    assert_int_equal(tensor(g, "blk.1.attn_v.weight")->ne[1], 128);
    assert_int_equal(tensor(g, "blk.1.ffn_down.weight")->ne[0], 768);
    assert_int_equal(tensor(g, "output.weight")->ne[1], 512);
    trit_gguf_close(g);
}

/* Codes of a whole matrix, and its scale, the same in all rows. */
static uint8_t *codes_of(const struct trit_gguf *g, const char *name, size_t *n, float *d)
{
    const struct trit_gguf_tensor *t = tensor(g, name);
    struct trit_error e = { 0 };
    size_t rows = t->ne[1], k = t->ne[0];
    uint8_t *codes = malloc(rows * k);
    float *scales = malloc(rows * sizeof *scales);
    if (trit_ternary_rows(g, t, &(struct trit_ternary_rows){ 0, rows, codes, k, scales }, &e))
        fail_msg("%s", e.text);
    for (size_t r = 1; r < rows; r++)
        assert_true(scales[r] == scales[0]);
    *n = rows * k;
    *d = scales[0];
    free(scales);
    return codes;
}

static void trits_have_the_distribution_asked_for(void **state)
{
    (void)state;
    static const double p[3] = { 0.289, 0.422, 0.289 };
    struct trit_synth s = tiny(3);
    struct trit_gguf *g = write_and_open(&s, "a", 1);
    size_t n, count[3] = { 0 }, pairs = 0;
    float d;
    uint8_t *codes = codes_of(g, "blk.0.ffn_up.weight", &n, &d);
    for (size_t i = 0; i < n; i++)
        count[codes[i]]++;
    for (size_t i = 1; i < n; i++)
        pairs += codes[i] == 1 && codes[i - 1] == 1;
    for (int i = 0; i < 3; i++) /* five standard deviations */
        assert_true(fabs((double)count[i] / (double)n - p[i]) < 2.5 / sqrt((double)n));
    assert_true(fabs((double)pairs / (double)n - p[1] * p[1]) < 2.5 / sqrt((double)n));
    assert_true(fabs((double)d * sqrt(0.578 * 256) - 1) < 1e-3);
    free(codes);
    trit_gguf_close(g);
}

static void i2_s_and_f16_hold_the_same_matrices(void **state)
{
    (void)state;
    static const char *const names[] = { "blk.0.attn_k.weight", "blk.1.ffn_down.weight" };
    struct trit_synth s = tiny(7), wide = tiny(7);
    wide.type = TRIT_F16;
    struct trit_gguf *a = write_and_open(&s, "a", 1), *b = write_and_open(&wide, "b", 1);
    for (size_t i = 0; i < 2; i++) {
        size_t na, nb;
        float da, db;
        uint8_t *ca = codes_of(a, names[i], &na, &da), *cb = codes_of(b, names[i], &nb, &db);
        assert_true(na == nb && da == db);
        assert_memory_equal(ca, cb, na);
        free(ca);
        free(cb);
    }
    trit_gguf_close(a);
    trit_gguf_close(b);
}

/* Mean 0, deviation 1/16 (hidden is 256), kurtosis 3, all to a few parts in a hundred. */
static void check_spread(const struct trit_gguf *g)
{
    struct trit_rows rows;
    struct trit_error e = { 0 };
    double sum = 0, square = 0, fourth = 0, n = 512 * 256;
    float x[256];
    if (trit_rows_load(&rows, g, tensor(g, "token_embd.weight"), pools[1], &e))
        fail_msg("%s", e.text);
    for (size_t r = 0; r < rows.n; r++) {
        trit_rows_get(&rows, r, x);
        for (size_t i = 0; i < 256; i++) {
            double v = 16 * (double)x[i];
            sum += v;
            square += v * v;
            fourth += v * v * v * v;
        }
    }
    assert_true(fabs(sum / n) < 0.03);
    assert_true(fabs(square / n - 1) < 0.15);
    assert_true(fabs(fourth / n / (square / n) / (square / n) - 3) < 0.2);
    trit_rows_free(&rows);
}

static void embeddings_of_every_type(void **state)
{
    (void)state;
    static const uint32_t types[] = { TRIT_F16, TRIT_BF16, TRIT_F32, TRIT_Q8_0, TRIT_Q6_K };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        struct trit_synth s = tiny(9);
        s.embd = types[i];
        struct trit_gguf *g = write_and_open(&s, "a", 1);
        check_spread(g);
        trit_gguf_close(g);
    }
}

static struct trit_synth hybrid(void)
{
    struct trit_synth s = { .vocabulary = &vocabulary,
                            .arch = "qwen35",
                            .type = TRIT_PTQ1_0,
                            .low_rows = true,
                            .seed = 4 };
    assert_int_equal(trit_shape_parse(&s.shape, "256x384x5x8x2x96", NULL), TRIT_OK);
    s.shape.vocab = vocabulary.n;
    return s;
}

/* Of a file, read as a model is. */
static struct trit_config config_of(const struct trit_gguf *g)
{
    struct trit_config c;
    struct trit_error e = { 0 };
    if (trit_config_read(&c, g, &e))
        fail_msg("%s", e.text);
    return c;
}

static void a_hybrid_is_of_the_shape_asked_for(void **state)
{
    (void)state;
    struct trit_synth s = hybrid();
    struct trit_gguf *g = write_and_open(&s, "a", 1);
    const struct trit_config c = config_of(g);
    assert_true(c.interval == 4 && c.rope_dims == 24 && c.hadamard.block == 0);
    assert_true(c.delta.k_heads == 2 && c.delta.v_heads == 6 && c.delta.state == 128);
    assert_false(c.delta.float_gates);
    assert_int_equal(g->ntensors, 4 * 14 + 11 + 2);
    assert_int_equal(tensor(g, "blk.3.attn_q.weight")->ne[1], 2 * 8 * 96);
    assert_int_equal(tensor(g, "blk.4.ssm_alpha.weight")->type, TRIT_PTQ1_0);
    assert_int_equal(tensor(g, "blk.0.ssm_conv1d.weight")->ne[1], 10 * 128);
    trit_gguf_close(g);
}

static float element(const struct trit_gguf *g, const char *name, size_t i)
{
    float v[6];
    assert_int_equal(tensor(g, name)->ne[0], 6);
    memcpy(v, g->base + tensor(g, name)->offset, sizeof v);
    return v[i];
}

/* exp(slope * softplus(step)) is what a state keeps of itself from token to token. */
static void states_last_some_tokens(void **state)
{
    (void)state;
    struct trit_synth s = hybrid();
    struct trit_gguf *g = write_and_open(&s, "a", 1);
    float least = 1, most = 0;
    for (size_t layer = 0; layer < 3; layer++)
        for (size_t i = 0; i < 6; i++) {
            char slope[32], step[32];
            snprintf(slope, sizeof slope, "blk.%zu.ssm_a", layer);
            snprintf(step, sizeof step, "blk.%zu.ssm_dt.bias", layer);
            const float kept = expf(element(g, slope, i) * log1pf(expf(element(g, step, i))));
            least = kept < least ? kept : least;
            most = kept > most ? kept : most;
        }
    assert_true(least > 0.08f && least < 0.9f && most > 0.98f && most < 0.9992f);
    trit_gguf_close(g);
}

static void rotated_weights_are_told_by_keys(void **state)
{
    (void)state;
    struct trit_synth s = hybrid();
    s.hadamard = 128;
    for (int untied = 0; untied < 2; untied++) {
        uint32_t version = 0;
        struct trit_text *names;
        size_t n;
        s.shape.untied = untied;
        struct trit_gguf *g = write_and_open(&s, "a", 1);
        const struct trit_config c = config_of(g);
        assert_true(c.hadamard.block == 128 && c.hadamard.signs && c.hadamard.grouped);
        assert_true(c.hadamard.rows && c.hadamard.tied == !untied && c.delta.float_gates);
        assert_int_equal(trit_gguf_u32(g, "prism.hadamard.version", &version, NULL), TRIT_OK);
        assert_int_equal(version, untied ? 1 : 2);
        assert_int_equal(trit_gguf_texts(g, "prism.hadamard.weight_names", &names, &n, NULL),
                         TRIT_OK);
        assert_int_equal(n, 4 * 6 + 7 + untied);
        assert_int_equal(tensor(g, "blk.0.ssm_beta.weight")->type, TRIT_BF16);
        free(names);
        trit_gguf_close(g);
    }
}

/* The trunk does not change by it. */
static void a_prediction_block_stands_behind_the_layers(void **state)
{
    (void)state;
    struct trit_synth s = hybrid();
    struct trit_gguf *without = write_and_open(&s, "b", 1);
    s.mtp = true;
    struct trit_gguf *g = write_and_open(&s, "a", 1);
    uint32_t blocks = 0, predicting = 0;
    assert_int_equal(trit_gguf_u32(g, "qwen35.block_count", &blocks, NULL), TRIT_OK);
    assert_int_equal(trit_gguf_u32(g, "qwen35.nextn_predict_layers", &predicting, NULL), TRIT_OK);
    assert_true(blocks == 6 && predicting == 1);
    assert_int_equal(g->ntensors, without->ntensors + 15);
    assert_int_equal(tensor(g, "blk.5.nextn.eh_proj.weight")->ne[0], 512);
    assert_int_equal(tensor(g, "blk.5.attn_q.weight")->type, TRIT_Q8_0);
    assert_memory_equal(g->base + g->data_offset, without->base + without->data_offset,
                        without->size - without->data_offset);
    trit_gguf_close(without);
    trit_gguf_close(g);
}

static void our_tokenizer_takes_the_vocabulary(void **state)
{
    (void)state;
    static const char text[] = "the rain, h\xc3\xa9\xff\n";
    struct trit_synth s = tiny(1);
    struct trit_gguf *g = write_and_open(&s, "a", 1);
    struct trit_tokenizer *t;
    struct trit_error e = { 0 };
    char back[64];
    int32_t *ids = NULL;
    size_t count = 0, n = 0;
    if (trit_tokenizer_load(&t, g, &e) ||
        trit_tokenizer_encode(t, (struct trit_text){ text, sizeof text - 1 }, false, &ids, &count,
                              &e))
        fail_msg("%s", e.text);
    for (size_t i = 0; i < count; i++) {
        struct trit_text piece = trit_tokenizer_decode(t, ids[i], false);
        memcpy(back + n, piece.s, piece.n);
        n += piece.n;
    }
    assert_int_equal(n, sizeof text - 1);
    assert_memory_equal(back, text, n);
    assert_true(count < n); /* a merge was used */
    assert_int_equal(trit_tokenizer_bos(t), 272);
    free(ids);
    trit_tokenizer_free(t);
    trit_gguf_close(g);
}

static size_t files_left(void)
{
    size_t n = 0;
    DIR *d = opendir(dir);
    assert_non_null(d);
    for (struct dirent *entry; (entry = readdir(d));)
        n += entry->d_name[0] != '.';
    closedir(d);
    return n;
}

static bool stop_half_way(void *arg, uint64_t done, uint64_t total)
{
    *(uint64_t *)arg = total;
    return done < total / 2;
}

static void a_stop_leaves_nothing_behind(void **state)
{
    (void)state;
    uint64_t total = 0;
    struct trit_synth s = tiny(1);
    struct trit_error e = { 0 };
    size_t before = files_left();
    s.progress = stop_half_way;
    s.progress_arg = &total;
    assert_int_equal(trit_synth_write(&s, file("new"), pools[1], &e), TRIT_ESTOPPED);
    assert_true(total > 500000);
    assert_int_equal(files_left(), before);
}

static void what_cannot_be_written(void **state)
{
    (void)state;
    struct trit_error e = { 0 };
    struct trit_synth s = tiny(1), odd = tiny(1), wrong = tiny(1);
    assert_int_equal(trit_synth_write(&s, "/nowhere/x.gguf", pools[0], &e), TRIT_EIO);
    assert_non_null(strstr(e.text, "/nowhere/x.gguf"));
    assert_int_equal(trit_synth_write(&s, "/dev/full", pools[0], &e), TRIT_EIO);
    assert_non_null(strstr(e.text, "/dev/full"));
    odd.shape.hidden = 100;
    odd.shape.ffn = 100;
    odd.shape.kv_heads = 1;
    assert_int_equal(trit_synth_write(&odd, file("x"), pools[0], &e), TRIT_EARGUMENT);
    assert_non_null(strstr(e.text, "blk.0.attn_q.weight, 100 x 100 as I2_S"));
    odd.embd = TRIT_Q8_0;
    assert_int_equal(trit_synth_write(&odd, file("x"), pools[0], &e), TRIT_EARGUMENT);
    assert_non_null(strstr(e.text, "token_embd.weight, 512 x 100 as Q8_0"));
    wrong.shape.vocab = 513;
    assert_int_equal(trit_synth_write(&wrong, file("x"), pools[0], &e), TRIT_EARGUMENT);
    assert_non_null(strstr(e.text, "512 tokens for a vocabulary of 513"));
}

static int setup(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/trit_synth.XXXXXX");
    return !mkdtemp(dir) || trit_pool_create(&pools[0], 1, NULL) ||
           trit_pool_create(&pools[1], 3, NULL) || trit_vocab_builtin(&vocabulary, NULL) ||
           trit_vocab_pad(&vocabulary, 512, NULL);
}

static int teardown(void **state)
{
    (void)state;
    static const char *const names[] = { "a", "b", "c" };
    for (size_t i = 0; i < 3; i++)
        unlink(file(names[i]));
    trit_vocab_free(&vocabulary);
    trit_pool_destroy(pools[0]);
    trit_pool_destroy(pools[1]);
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_seed_gives_one_file),
        cmocka_unit_test(the_file_says_what_it_is),
        cmocka_unit_test(trits_have_the_distribution_asked_for),
        cmocka_unit_test(i2_s_and_f16_hold_the_same_matrices),
        cmocka_unit_test(embeddings_of_every_type),
        cmocka_unit_test(a_hybrid_is_of_the_shape_asked_for),
        cmocka_unit_test(states_last_some_tokens),
        cmocka_unit_test(rotated_weights_are_told_by_keys),
        cmocka_unit_test(a_prediction_block_stands_behind_the_layers),
        cmocka_unit_test(our_tokenizer_takes_the_vocabulary),
        cmocka_unit_test(a_stop_leaves_nothing_behind),
        cmocka_unit_test(what_cannot_be_written),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
