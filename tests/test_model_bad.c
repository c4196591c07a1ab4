/* labels: threads */
/* Is every model that cannot be run refused in one line that says where and why, with nothing left
   behind, and every one that can be run? */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/mem.h"
#include "runtime/model.h"
#include "tests/lib_model.h"

#define ARCH "bitnet-b1.58"
#define U32(name, value)                             \
    {                                                \
        ARCH "." name, TRIT_GGUF_U32, value, 0, NULL \
    }
#define I32(name, value)                             \
    {                                                \
        ARCH "." name, TRIT_GGUF_I32, value, 0, NULL \
    }
#define F32(name, value)                             \
    {                                                \
        ARCH "." name, TRIT_GGUF_F32, 0, value, NULL \
    }
#define F64(name, value)                             \
    {                                                \
        ARCH "." name, TRIT_GGUF_F64, 0, value, NULL \
    }
#define TEXT(name, value)                            \
    {                                                \
        ARCH "." name, TRIT_GGUF_STRING, 0, 0, value \
    }
#define NAMED(arch)                                          \
    {                                                        \
        "general.architecture", TRIT_GGUF_STRING, 0, 0, arch \
    }
#define EPS  "attention.layer_norm_rms_epsilon"
#define Q4_0 2

static const struct trit_toy_shape small = { 32, 64, 2, 4, 2 };
static const int32_t tokens[] = { 72, 256, 0, 255, 258, 72, 9 };
enum { TOKENS = sizeof tokens / sizeof *tokens, VOCAB = 259 };

static struct trit_pool *pool;
static struct trit_toy toy;

/* All that a program does with a model, up to the logits of all tokens. */
static enum trit_code use(struct trit_model *model, float *logits, struct trit_error *error)
{
    struct trit_session *session;
    enum trit_code code = trit_session_create(&session, model, 16, 3, error);
    if (!code)
        code = trit_session_eval(session, tokens, TOKENS, 0, logits, error);
    trit_session_free(session);
    return code;
}

static enum trit_code load(const struct trit_gguf *gguf, float *logits, struct trit_error *error)
{
    struct trit_config config;
    struct trit_tokenizer *tokenizer = NULL;
    struct trit_model *model;
    struct trit_error again;
    enum trit_code code = trit_config_read(&config, gguf, error);
    if (code) {
        assert_int_equal(trit_model_load(&model, gguf, pool, NULL, &again), code);
        assert_string_equal(again.text, error->text);
        assert_null(model);
        return code;
    }
    if ((code = trit_tokenizer_load(&tokenizer, gguf, error)))
        return code;
    trit_tokenizer_free(tokenizer);
    code = trit_model_load(&model, gguf, pool, NULL, error);
    assert_true(!code == !!model);
    if (!code)
        code = use(model, logits, error);
    trit_model_free(model);
    return code;
}

static enum trit_code run(float *logits, struct trit_error *error)
{
    size_t bytes;
    struct trit_gguf *gguf;
    uint8_t *data = trit_toy_write(&toy, &bytes);
    enum trit_code code = trit_gguf_parse(&gguf, data, bytes, "toy.gguf", error);
    if (!code)
        code = load(gguf, logits, error);
    trit_gguf_close(gguf);
    free(data);
    return code;
}

/* The present toy is refused, in one line that names the file and says `says`. */
static void refused(enum trit_code code, const char *says)
{
    static float logits[TOKENS * VOCAB];
    struct trit_error error = { .text = "" };
    const enum trit_code got = run(logits, &error);
    const bool good = got == code && error.code == code && !strncmp(error.text, "toy.gguf: ", 10) &&
                      strstr(error.text, says) && !strchr(error.text, '\n') &&
                      strlen(error.text) < 256;
    if (!good)
        print_error("expected code %d and '%s'; code %d and: %s\n", code, says, got, error.text);
    else if (getenv("TRIT_SHOW"))
        print_message("%s\n", error.text);
    assert_true(good);
}

/* What is done to the small model, and what the error says of it. */
struct fault {
    const char *says;
    enum trit_code code; /* 0: TRIT_EFORMAT */
    struct trit_toy_key set[5];
    const char *no_key, *no_tensor;
    const char *copy, *to; /* one tensor more */
    const char *tensor;    /* which is changed in what follows */
    bool typed, spoiled;
    uint32_t type, ndims; /* 0 dimensions: as they are */
    uint64_t ne[4], at;
    float with, d; /* d 0: as it is */
    void (*change)(void);
};

static void change_tensor(const struct fault *f)
{
    struct trit_toy_tensor *t = trit_toy_tensor(&toy, f->tensor);
    t->type = f->typed ? f->type : t->type;
    t->spoiled = f->spoiled;
    t->at = f->at;
    t->with = f->with;
    t->d = f->d == 0 ? t->d : f->d;
    t->ndims = f->ndims ? f->ndims : t->ndims;
    for (int i = 0; f->ndims && i < 4; i++)
        t->ne[i] = f->ne[i] ? f->ne[i] : 1;
}

static void spoil(const struct fault *f)
{
    trit_toy_init(&toy, ARCH, &small);
    for (size_t i = 0; i < 5 && f->set[i].name; i++)
        trit_toy_set(&toy, &f->set[i]);
    if (f->no_key)
        trit_toy_drop_key(&toy, f->no_key);
    if (f->no_tensor)
        trit_toy_drop_tensor(&toy, f->no_tensor);
    if (f->copy)
        trit_toy_add(&toy, f->to, f->copy);
    if (f->tensor)
        change_tensor(f);
    if (f->change)
        f->change();
}

static void refused_all(const struct fault *faults, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        spoil(&faults[i]);
        refused(faults[i].code ? faults[i].code : TRIT_EFORMAT, faults[i].says);
    }
}

static void keys(void **state)
{
    (void)state;
    static const struct fault faults[] = {
        { "'general.architecture' is '(absent)': supported are 'bitnet-b1.58' and 'bitnet-25'",
          TRIT_EUNSUPPORTED, .no_key = "general.architecture" },
        { "'llama': supported are 'bitnet-b1.58'", TRIT_EUNSUPPORTED, { NAMED("llama") } },
        { "'': supported are 'bitnet-b1.58'", TRIT_EUNSUPPORTED, { NAMED("") } },
        { "'bitnet-b1.5': supported", TRIT_EUNSUPPORTED, { NAMED("bitnet-b1.5") } },
        { "'bit?net': supported", TRIT_EUNSUPPORTED, { NAMED("bit\nnet") } },
        { "key 'bitnet-25.embedding_length': is missing", 0, { NAMED("bitnet-25") } },
        { "key 'general.architecture': is u32, must be string",
          0,
          { { "general.architecture", TRIT_GGUF_U32, 1, 0, NULL } } },
        { "key 'general.name': is u32", 0, { { "general.name", TRIT_GGUF_U32, 1, 0, NULL } } },

        { ".embedding_length' is 0: must be 2 .. 1048576", 0, { U32("embedding_length", 0) } },
        { ".embedding_length' is 1: must be 2", 0, { U32("embedding_length", 1) } },
        { ".head_count' is 4: must divide embedding_length 33",
          0,
          { U32("embedding_length", 33) } },
        { "embedding_length' is 2147483648: must", 0, { U32("embedding_length", 1u << 31) } },
        { "embedding_length': is out of range", 0, { I32("embedding_length", UINT32_MAX) } },
        { "'token_embd.weight' is 32 x 259: must be", 0, { U32("embedding_length", 64) } },
        { ".feed_forward_length' is 0", 0, { U32("feed_forward_length", 0) } },
        { ".feed_forward_length' is 1048577", 0, { U32("feed_forward_length", 1048577) } },
        { "ffn_sub_norm.weight' is 64: the file's keys make it 63",
          0,
          { U32("feed_forward_length", 63) } },
        { ".block_count' is 0: must be 1 .. 4096", 0, { U32("block_count", 0) } },
        { ".block_count' is 2147483648", 0, { U32("block_count", 1u << 31) } },
        { "'blk.2.attn_norm.weight' is missing: architecture bitnet-b1.58 with block_count 3",
          0,
          { U32("block_count", 3) } },
        { "'blk.1.attn_norm.weight' has no place in architecture bitnet-b1.58 with block_count 1",
          TRIT_EUNSUPPORTED,
          { U32("block_count", 1) } },
        { ".context_length' is 0: must be 1 ..", 0, { U32("context_length", 0) } },
        { ".context_length' is 2147483648", 0, { U32("context_length", 1u << 31) } },

        { ".head_count' is 0: must be 1", 0, { U32("attention.head_count", 0) } },
        { ".head_count' is 3: must divide embedding_length 32",
          0,
          { U32("attention.head_count", 3) } },
        { "head_count 32 leaves 1 element per head", 0, { U32("attention.head_count", 32) } },
        { ".head_count_kv' is 0: must be 1 .. 4", 0, { U32("attention.head_count_kv", 0) } },
        { ".head_count_kv' is 3: must divide", 0, { U32("attention.head_count_kv", 3) } },
        { ".head_count_kv' is 8: must be 1 .. 4", 0, { U32("attention.head_count_kv", 8) } },
        { "'blk.0.attn_k.weight' is 32 x 16: the file's keys make it 32 x 32 (columns x rows)",
          0,
          { U32("attention.head_count_kv", 4) } },
        { "'blk.0.attn_k.weight' is 32 x 16: the file's keys make it 32 x 32",
          .no_key = ARCH ".attention.head_count_kv" },
        { "key_length' is 16, but", TRIT_EUNSUPPORTED, { U32("attention.key_length", 16) } },
        { "value_length' is 4, but", TRIT_EUNSUPPORTED, { U32("attention.value_length", 4) } },
        { "dimension_count' is 0: must be 2 .. 8", 0, { U32("rope.dimension_count", 0) } },
        { "dimension_count' is 10: must be 2 .. 8", 0, { U32("rope.dimension_count", 10) } },
        { "dimension_count' (absent: the head's 8) is 7: must be even",
          0,
          { U32("rope.dimension_count", 7) } },

        { EPS "' is 0: must be", 0, { F32(EPS, 0) } },
        { EPS "' is -1e-05: must be", 0, { F32(EPS, -1e-5) } },
        { EPS "' is nan: must be", 0, { F32(EPS, NAN) } },
        { EPS "' is inf: must be", 0, { F32(EPS, INFINITY) } },
        { EPS "' is 2: must be", 0, { F32(EPS, 2) } },
        { EPS "' is inf: must be", 0, { F64(EPS, 1e300) } },
        { EPS "' is 0: must be", 0, { F64(EPS, 1e-300) } },
        { "freq_base' is 0: must be 1 ..", 0, { F32("rope.freq_base", 0) } },
        { "freq_base' is -1: must be", 0, { F32("rope.freq_base", -1) } },
        { "freq_base' is nan: must be", 0, { F32("rope.freq_base", NAN) } },
        { "freq_base' is inf: must be", 0, { F32("rope.freq_base", INFINITY) } },
        { "freq_base' is 0.5: must be", 0, { F32("rope.freq_base", 0.5) } },

        { "hidden_activation' is 'silu': supported are 'relu2'",
          TRIT_EUNSUPPORTED,
          { TEXT("hidden_activation", "silu") } },
        { "expert_count' is 8: supported is only 0",
          TRIT_EUNSUPPORTED,
          { U32("expert_count", 8) } },
        { "sliding_window' is 512", TRIT_EUNSUPPORTED, { U32("attention.sliding_window", 512) } },
        { "scaling.type' is 'yarn'", TRIT_EUNSUPPORTED, { TEXT("rope.scaling.type", "yarn") } },
        { "factor' is 4: supported", TRIT_EUNSUPPORTED, { F32("rope.scaling.factor", 4) } },
        { "factor' is nan: supported", TRIT_EUNSUPPORTED, { F32("rope.scaling.factor", NAN) } },
        { "expert_count': is string", 0, { TEXT("expert_count", "8") } },

        { "vocab_size' is 258, but 'token_embd.weight' has 259 rows",
          0,
          { U32("vocab_size", 258) } },
        { "vocab_size' is 0: must be", 0, { U32("vocab_size", 0) } },
        { "vocab_size' is 4294967295: must be", 0, { U32("vocab_size", UINT32_MAX) } },
    };
    refused_all(faults, sizeof faults / sizeof *faults);
}

static void one_more_token(void)
{
    trit_vocabulary_add(&toy.vocabulary, "cd", 1);
}

static void long_key(void)
{
    toy.vocabulary.eos = VOCAB;
}

static void tensors(void **state)
{
    (void)state;
    static const struct fault faults[] = {
        { "'tokenizer.ggml.tokens' has 260 tokens, but 'token_embd.weight' has 259 rows",
          .change = one_more_token },
        { "eos_token_id", .change = long_key },
        { "vocab_size' is 259, but 'token_embd.weight' has 258 rows", .tensor = "token_embd.weight",
          .ndims = 2, .ne = { 32, 258 } },
        { "'token_embd.weight' is 259 x 32: must be", .tensor = "token_embd.weight", .ndims = 2,
          .ne = { 259, 32 } },
        { "'token_embd.weight' is 32 x 259 x 1: must be", .tensor = "token_embd.weight", .ndims = 3,
          .ne = { 32, 259, 1 } },
        { "'token_embd.weight' is 8288: must be", .tensor = "token_embd.weight", .ndims = 1,
          .ne = { 8288 } },
        { "'output.weight' is 32 x 258: the file's keys make it 32 x 259",
          .copy = "token_embd.weight", .to = "output.weight", .tensor = "output.weight", .ndims = 2,
          .ne = { 32, 258 } },
        { "'output.weight' is 259 x 32", .copy = "token_embd.weight", .to = "output.weight",
          .tensor = "output.weight", .ndims = 2, .ne = { 259, 32 } },
        { "'blk.0.attn_k.weight' is 16 x 32: the file's keys make it 32 x 16",
          .tensor = "blk.0.attn_k.weight", .ndims = 2, .ne = { 16, 32 } },
        { "'blk.1.ffn_down.weight' is 64 x 30: the", .tensor = "blk.1.ffn_down.weight", .ndims = 2,
          .ne = { 64, 30 } },
        { "'blk.1.ffn_up.weight' is 32 x 32 x 2: the", .tensor = "blk.1.ffn_up.weight", .ndims = 3,
          .ne = { 32, 32, 2 } },
        { "'blk.1.attn_norm.weight' is 32 x 1: the file's keys make it 32 (",
          .tensor = "blk.1.attn_norm.weight", .ndims = 2, .ne = { 32, 1 } },
        { "'blk.1.attn_norm.weight' has type F16 (1): vectors are read as F32 only",
          TRIT_EUNSUPPORTED, .tensor = "blk.1.attn_norm.weight", .typed = true, .type = TRIT_F16 },
        { "'blk.0.attn_q.bias' has no place", TRIT_EUNSUPPORTED, .copy = "blk.0.attn_norm.weight",
          .to = "blk.0.attn_q.bias" },
        { "'blk.00.attn_q.weight' has no place", TRIT_EUNSUPPORTED, .copy = "blk.0.attn_q.weight",
          .to = "blk.00.attn_q.weight" },
        { "'blk.2.attn_norm.weight' has no place", TRIT_EUNSUPPORTED,
          .copy = "blk.0.attn_norm.weight", .to = "blk.2.attn_norm.weight" },
        { "'blk.0.attn_q.weight ' has no place", TRIT_EUNSUPPORTED, .copy = "blk.0.attn_q.weight",
          .to = "blk.0.attn_q.weight " },
        { "'blk.0.attn_q.weight' has type TL1 (38), whose tiling is in a side file",
          TRIT_EUNSUPPORTED, .tensor = "blk.0.attn_q.weight", .typed = true, .type = TRIT_TL1 },
        { "(39), whose tiling is in a side file that the GGUF does not carry; ternary matrices are "
          "read from I2_S, or from F16, BF16 and F32",
          TRIT_EUNSUPPORTED, .tensor = "blk.0.ffn_gate.weight", .typed = true, .type = TRIT_TL2 },
        { "has type unknown (99); ternary matrices are read from I2_S", TRIT_EUNSUPPORTED,
          .tensor = "blk.0.ffn_gate.weight", .typed = true, .type = 99 },
        { "(type unknown, 259 x 32): embedding and head are read as F16", TRIT_EUNSUPPORTED,
          .tensor = "token_embd.weight", .typed = true, .type = 99 },
    };
    refused_all(faults, sizeof faults / sizeof *faults);
}

#define ROPE(length)                                                                        \
    .copy = "output_norm.weight", .to = "rope_freqs.weight", .tensor = "rope_freqs.weight", \
    .ndims = 1, .ne = { length }
#define SPOILED(name, stored, element, value) \
    .tensor = name, .typed = true, .type = stored, .spoiled = true, .at = element, .with = value

static void data(void **state)
{
    (void)state;
    static const struct fault faults[] = {
        { "'blk.1.attn_k.weight' row 5, column 7: I2_S code 3 is no trit",
          SPOILED("blk.1.attn_k.weight", TRIT_I2_S, 5 * 32 + 7, 0) },
        { "'blk.0.ffn_down.weight' row 31, column 63: I2_S code 3",
          SPOILED("blk.0.ffn_down.weight", TRIT_I2_S, 32 * 64 - 1, 0) },
        { "'blk.0.attn_q.weight': its I2_S scale is nan", .tensor = "blk.0.attn_q.weight",
          .d = NAN },
        { "its I2_S scale is inf", .tensor = "blk.0.attn_q.weight", .d = INFINITY },
        { "its I2_S scale is -1", .tensor = "blk.0.attn_q.weight", .d = -1 },
        { "'blk.0.attn_v.weight' row 3, column 31: 0.5 is neither 0 nor ±0.1875",
          SPOILED("blk.0.attn_v.weight", TRIT_F32, 3 * 32 + 31, 0.5f) },
        { "'blk.0.attn_v.weight' row 15, column 31: 0.5 is neither 0 nor ±0.1875",
          SPOILED("blk.0.attn_v.weight", TRIT_F16, 16 * 32 - 1, 0.5f) },
        { "row 4, column 30: -0.25 is neither",
          SPOILED("blk.1.ffn_gate.weight", TRIT_BF16, 4 * 32 + 30, -0.25f) },
        { "row 4, column 30 is nan",
          SPOILED("blk.1.ffn_gate.weight", TRIT_BF16, 4 * 32 + 30, NAN) },
        { "row 0, column 0 is inf", SPOILED("blk.1.ffn_gate.weight", TRIT_F32, 0, INFINITY) },
        { "row 1, column 0 is nan", SPOILED("blk.1.ffn_gate.weight", TRIT_F16, 32, NAN) },

        { "'token_embd.weight' row 258 holds an infinity or NaN",
          SPOILED("token_embd.weight", TRIT_F16, 259 * 32 - 1, NAN) },
        { "row 1 holds an inf", SPOILED("token_embd.weight", TRIT_BF16, 32, -INFINITY) },
        { "row 2 holds an inf", SPOILED("token_embd.weight", TRIT_F32, 64, NAN) },
        { "row 3 holds an inf", SPOILED("token_embd.weight", TRIT_Q8_0, 96, INFINITY) },
        { "'output.weight' row 4 holds an infinity or NaN", .copy = "token_embd.weight",
          .to = "output.weight", SPOILED("output.weight", TRIT_Q8_0, 4 * 32 + 9, NAN) },

        { "'rope_freqs.weight' is 5: the file's keys make it 4 (", ROPE(5) },
        { "'rope_freqs.weight' has type F16 (1)", TRIT_EUNSUPPORTED, ROPE(4), .typed = true,
          .type = TRIT_F16 },
        { "element 0 is nan: must be finite", ROPE(4), .spoiled = true, .with = NAN },
        { "element 3 is inf: must be finite", ROPE(4), .spoiled = true, .at = 3, .with = INFINITY },
        { "element 3 is 0: it makes", ROPE(4), .spoiled = true, .at = 3, .with = 0 },
        { "element 2 is -1: it makes", ROPE(4), .spoiled = true, .at = 2, .with = -1 },
        { "element 0 is 0.01: it makes a frequency of 100, must be above 0 and at most 64", ROPE(4),
          .spoiled = true, .with = 0.01f },
    };
    refused_all(faults, sizeof faults / sizeof *faults);
}

/* Claims that the file has no bytes for cost neither time nor memory. */
static void absurd_sizes(void **state)
{
    (void)state;
    static const struct fault faults[] = {
        { "'blk.2.attn_norm.weight' is missing", 0, { U32("block_count", 4096) } },
        { "'blk.0.ffn_sub_norm.weight' is 64", 0, { U32("feed_forward_length", 1 << 20) } },
        { "'blk.0.attn_norm.weight' is 32: the file's keys make it 1048576",
          0,
          { U32("embedding_length", 1 << 20), U32("feed_forward_length", 1 << 20),
            U32("block_count", 4096), U32("attention.head_count", 1),
            U32("attention.head_count_kv", 1) },
          .tensor = "token_embd.weight",
          .typed = true,
          .type = TRIT_TL1,
          .ndims = 2,
          .ne = { 1 << 20, VOCAB } },
        { "'blk.0.ffn_gate.weight' has type TL1", TRIT_EUNSUPPORTED,
          .tensor = "blk.0.ffn_gate.weight", .typed = true, .type = TRIT_TL1 },
        { "'blk.0.ffn_sub_norm.weight' has type TL1",
          TRIT_EUNSUPPORTED,
          { U32("feed_forward_length", 1 << 20) },
          .tensor = "blk.0.ffn_sub_norm.weight",
          .typed = true,
          .type = TRIT_TL1,
          .ndims = 1,
          .ne = { 1 << 20 } },
        { "'token_embd.weight' has 16777216 rows",
          0,
          { U32("vocab_size", VOCAB) },
          .tensor = "token_embd.weight",
          .typed = true,
          .type = TRIT_TL1,
          .ndims = 2,
          .ne = { 32, 1 << 24 } },
        { "vocabulary (1 .. 16777216)", .tensor = "token_embd.weight", .typed = true,
          .type = TRIT_TL1, .ndims = 2, .ne = { 32, 1ull << 40 } },
        { "run past the end of the file", .tensor = "blk.0.ffn_gate.weight", .ndims = 2,
          .ne = { 1 << 20, 1 << 20 } },
    };
    const size_t before = trit_resident_peak();
    refused_all(faults, sizeof faults / sizeof *faults);
    assert_true(trit_resident_peak() < before + (64 << 20));
}

/* Every tensor and key of the good model in turn. */
static void each_tensor(void **state)
{
    (void)state;
    static const uint32_t types[] = { Q4_0, TRIT_TL1, 77 };
    trit_toy_init(&toy, ARCH, &small);
    const size_t n = toy.ntensors;
    for (size_t i = 0; i < n; i++) {
        char says[128];
        trit_toy_init(&toy, ARCH, &small);
        snprintf(says, sizeof says, "tensor '%s' is missing", toy.tensors[i].name);
        trit_toy_drop_tensor(&toy, toy.tensors[i].name);
        refused(TRIT_EFORMAT, says);
        for (size_t j = 0; j < sizeof types / sizeof *types; j++) {
            trit_toy_init(&toy, ARCH, &small);
            snprintf(says, sizeof says, "tensor '%s'", toy.tensors[i].name);
            toy.tensors[i].type = types[j];
            refused(TRIT_EUNSUPPORTED, says);
        }
        for (int j = 0; j < 2; j++) {
            trit_toy_init(&toy, ARCH, &small);
            snprintf(says, sizeof says, "tensor '%s' is ", toy.tensors[i].name);
            toy.tensors[i].ne[j && toy.tensors[i].ndims > 1] *= 2;
            refused(TRIT_EFORMAT, i || !j ? says : "vocab_size");
        }
    }
}

static void each_vector(void **state)
{
    (void)state;
    static const struct {
        float with;
        const char *says;
    } values[] = { { NAN, "is nan" }, { INFINITY, "is inf" }, { -INFINITY, "is -inf" } };
    trit_toy_init(&toy, ARCH, &small);
    const size_t n = toy.ntensors;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < 3; j++) {
            char says[128];
            trit_toy_init(&toy, ARCH, &small);
            struct trit_toy_tensor *t = &toy.tensors[i];
            if (t->values != TOY_NORM)
                continue;
            t->spoiled = true;
            t->at = t->ne[0] - 1;
            t->with = values[j].with;
            snprintf(says, sizeof says, "tensor '%s' element %llu %s: must be finite", t->name,
                     (unsigned long long)t->at, values[j].says);
            refused(TRIT_EFORMAT, says);
        }
}

static void each_key(void **state)
{
    (void)state;
    static const char *const names[] = { "context_length",
                                         "embedding_length",
                                         "block_count",
                                         "feed_forward_length",
                                         "rope.freq_base",
                                         "attention.head_count",
                                         EPS,
                                         "attention.head_count_kv",
                                         "rope.dimension_count",
                                         "vocab_size" };
    static const enum trit_gguf_type types[] = { TRIT_GGUF_BOOL, TRIT_GGUF_STRING,
                                                 TRIT_GGUF_ARRAY };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char name[96], says[128];
        snprintf(name, sizeof name, ARCH ".%s", names[i]);
        if (i < 7) {
            trit_toy_init(&toy, ARCH, &small);
            trit_toy_drop_key(&toy, name);
            snprintf(says, sizeof says, "key '%s': is missing", name);
            refused(TRIT_EFORMAT, says);
        }
        snprintf(says, sizeof says, "key '%s': is ", name);
        for (size_t j = 0; j < 3; j++) {
            trit_toy_init(&toy, ARCH, &small);
            trit_toy_set(&toy, &(struct trit_toy_key){ name, types[j], 1, 0, "1" });
            refused(TRIT_EFORMAT, says);
        }
    }
}

/* Good models. */

static void logits_of_toy(float *logits)
{
    struct trit_error error = { .text = "" };
    if (run(logits, &error))
        fail_msg("%s", error.text);
    for (size_t i = 0; i < (size_t)TOKENS * VOCAB; i++)
        assert_true(isfinite(logits[i]));
}

struct variant {
    const char *arch;
    struct trit_toy_shape shape;
    uint32_t matrices, rows;
    bool untied, factors;
    const char *no_key;
    struct trit_toy_key set;
};

static void make(const struct variant *v)
{
    trit_toy_init(&toy, v->arch, &v->shape);
    trit_toy_retype(&toy, TOY_TRITS, v->matrices);
    trit_toy_retype(&toy, TOY_ROWS, v->rows);
    if (v->untied)
        trit_toy_add(&toy, "output.weight", "token_embd.weight");
    if (v->factors) {
        struct trit_toy_tensor *t = trit_toy_add(&toy, "rope_freqs.weight", "output_norm.weight");
        t->ne[0] = v->shape.hidden / v->shape.heads / 2;
        t->values = TOY_FACTORS;
    }
    if (v->no_key)
        trit_toy_drop_key(&toy, v->no_key);
    if (v->set.name)
        trit_toy_set(&toy, &v->set);
}

static void same_logits(const struct variant *variants, size_t n)
{
    static float first[TOKENS * VOCAB], logits[TOKENS * VOCAB];
    for (size_t i = 0; i < n; i++) {
        make(&variants[i]);
        logits_of_toy(i ? logits : first);
        if (i && memcmp(first, logits, sizeof logits))
            fail_msg("variant %zu: other logits than variant 0", i);
    }
    assert_true(first[0] != first[1] || first[0] != first[2]);
}

static void one_model_many_files(void **state)
{
    (void)state;
    static const struct variant variants[] = {
        { ARCH, { 256, 128, 2, 8, 2 }, TRIT_I2_S, TRIT_F16, .no_key = NULL },
        { "bitnet-25", { 256, 128, 2, 8, 2 }, TRIT_I2_S, TRIT_F16, .no_key = NULL },
        { ARCH, { 256, 128, 2, 8, 2 }, TRIT_F32, TRIT_F16, .no_key = NULL },
        { ARCH, { 256, 128, 2, 8, 2 }, TRIT_F16, TRIT_BF16, .no_key = NULL },
        { ARCH, { 256, 128, 2, 8, 2 }, TRIT_BF16, TRIT_F32, .no_key = NULL },
        { ARCH, { 256, 128, 2, 8, 2 }, TRIT_I2_S, TRIT_Q8_0, .no_key = NULL },
        { ARCH, { 256, 128, 2, 8, 2 }, TRIT_I2_S, TRIT_Q6_K, .no_key = NULL },
        { ARCH, { 256, 128, 2, 8, 2 }, TRIT_I2_S, TRIT_F16, .untied = true },
        { ARCH, { 256, 128, 2, 8, 2 }, TRIT_I2_S, TRIT_Q6_K, .untied = true },
        { ARCH, { 256, 128, 2, 8, 2 }, TRIT_I2_S, TRIT_F16, .factors = true },
        { ARCH, { 256, 128, 2, 8, 2 }, TRIT_I2_S, TRIT_F16, .no_key = ARCH ".vocab_size" },
        { ARCH,
          { 256, 128, 2, 8, 2 },
          TRIT_I2_S,
          TRIT_F16,
          .no_key = ARCH ".rope.dimension_count" },
        { ARCH, { 256, 128, 2, 8, 2 }, TRIT_I2_S, TRIT_F16, .no_key = "general.name" },
        { ARCH, { 256, 128, 2, 8, 2 }, TRIT_I2_S, TRIT_F16, .set = F64("rope.freq_base", 1e4) },
        { ARCH, { 256, 128, 2, 8, 2 }, TRIT_I2_S, TRIT_F16, .set = I32("block_count", 2) },
        { ARCH, { 256, 128, 2, 8, 2 }, TRIT_I2_S, TRIT_F16, .set = U32("expert_count", 0) },
        { ARCH, { 256, 128, 2, 8, 2 }, TRIT_I2_S, TRIT_F16, .set = F32("rope.scaling.factor", 1) },
        { ARCH,
          { 256, 128, 2, 8, 2 },
          TRIT_I2_S,
          TRIT_F16,
          .set = TEXT("hidden_activation", "relu2") },
        { ARCH,
          { 256, 128, 2, 8, 2 },
          TRIT_I2_S,
          TRIT_F16,
          .set = TEXT("rope.scaling.type", "linear") },
    };
    same_logits(variants, sizeof variants / sizeof *variants);
}

static void shapes(void **state)
{
    (void)state;
    static const struct variant variants[][3] = {
        { { ARCH, { 32, 64, 2, 4, 4 }, TRIT_I2_S, TRIT_F16, .no_key = NULL },
          { ARCH,
            { 32, 64, 2, 4, 4 },
            TRIT_F32,
            TRIT_F32,
            .no_key = ARCH ".attention.head_count_kv" },
          { ARCH, { 32, 64, 2, 4, 4 }, TRIT_BF16, TRIT_Q8_0, .untied = true } },
        { { ARCH, { 33, 21, 1, 3, 1 }, TRIT_F32, TRIT_F32, .no_key = NULL },
          { ARCH, { 33, 21, 1, 3, 1 }, TRIT_F16, TRIT_F16, .no_key = NULL },
          { ARCH, { 33, 21, 1, 3, 1 }, TRIT_BF16, TRIT_BF16, .no_key = NULL } },
        { { ARCH, { 2, 1, 3, 1, 1 }, TRIT_F32, TRIT_F32, .no_key = NULL },
          { ARCH, { 2, 1, 3, 1, 1 }, TRIT_F16, TRIT_F16, .no_key = NULL },
          { ARCH, { 2, 1, 3, 1, 1 }, TRIT_BF16, TRIT_BF16, .untied = true } },
    };
    for (size_t i = 0; i < sizeof variants / sizeof *variants; i++)
        same_logits(variants[i], 3);
}

static void rope_factors_count(void **state)
{
    (void)state;
    static float plain[TOKENS * VOCAB], scaled[TOKENS * VOCAB];
    struct variant v = { ARCH, small, TRIT_I2_S, TRIT_F16, .factors = true };
    make(&v);
    logits_of_toy(plain);
    struct trit_toy_tensor *t = trit_toy_tensor(&toy, "rope_freqs.weight");
    t->spoiled = true;
    t->at = 1;
    t->with = 8;
    logits_of_toy(scaled);
    /* The first token, at position 0, is turned by nothing. */
    assert_memory_equal(plain, scaled, VOCAB * sizeof *plain);
    assert_memory_not_equal(plain, scaled, sizeof plain);
}

/* The good small model, open. */
struct opened {
    uint8_t *data;
    struct trit_gguf *gguf;
};

static struct opened open_small(void)
{
    struct opened o;
    size_t bytes;
    trit_toy_init(&toy, ARCH, &small);
    o.data = trit_toy_write(&toy, &bytes);
    assert_int_equal(trit_gguf_parse(&o.gguf, o.data, bytes, "toy.gguf", NULL), TRIT_OK);
    return o;
}

static void close_small(struct opened *o)
{
    trit_gguf_close(o->gguf);
    free(o->data);
}

struct stop {
    size_t calls, allowed;
    uint64_t done, total;
};

static bool progress(void *arg, uint64_t done, uint64_t total)
{
    struct stop *s = arg;
    assert_true(done > s->done && done <= total && (!s->total || total == s->total));
    s->done = done;
    s->total = total;
    return s->calls++ < s->allowed;
}

static void stopped_anywhere(void **state)
{
    (void)state;
    struct opened o = open_small();
    for (size_t i = 0; i <= o.gguf->ntensors; i++) {
        struct stop stop = { .allowed = i };
        struct trit_load_options options = { progress, &stop };
        struct trit_model *model;
        struct trit_error error = { .text = "" };
        const bool whole = i == o.gguf->ntensors;
        assert_int_equal(trit_model_load(&model, o.gguf, pool, &options, &error),
                         whole ? TRIT_OK : TRIT_ESTOPPED);
        assert_int_equal(stop.calls, whole ? i : i + 1);
        assert_true(whole ? stop.done == stop.total : model == NULL);
        assert_true(whole || !strcmp(error.text, "toy.gguf: loading was stopped"));
        trit_model_free(model);
    }
    close_small(&o);
}

static void session_sizes(void **state)
{
    (void)state;
    static const struct {
        size_t context, chunk;
        const char *says; /* NULL: good */
    } rows[] = {
        { 0, 1, "context of 0 tokens" },
        { 1ull << 60, 1, "context of 1152921504606846976 tokens: must be 1 .. 16777216" },
        { (1 << 24) + 1, 1, "context of 16777217 tokens" },
        { SIZE_MAX, SIZE_MAX, "context of 18446744073709551615" },
        { 1, 0, "chunk of 0 tokens: must be at least 1" },
        { 1, 1, NULL },
        { 16, 1ull << 60, NULL },
        { 16, SIZE_MAX, NULL },
    };
    struct opened o = open_small();
    struct trit_model *model;
    assert_int_equal(trit_model_load(&model, o.gguf, pool, NULL, NULL), TRIT_OK);
    close_small(&o); /* the model has copied what it needs */
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        static float logits[VOCAB];
        struct trit_session *session;
        struct trit_error error = { .text = "" };
        const enum trit_code code =
            trit_session_create(&session, model, rows[i].context, rows[i].chunk, &error);
        assert_int_equal(code, rows[i].says ? TRIT_EARGUMENT : TRIT_OK);
        assert_true(!code == !!session);
        assert_true(!rows[i].says || strstr(error.text, rows[i].says));
        if (!code)
            assert_int_equal(trit_session_eval(session, tokens, 1, 0, logits, NULL), TRIT_OK);
        trit_session_free(session);
    }
    trit_model_free(model);
}

static void bad_tokens_change_nothing(void **state)
{
    (void)state;
    enum { CONTEXT = TOKENS, BEFORE = 3 };
    static const int32_t negative[] = { 1, -1 }, past[] = { 1, VOCAB }, large[] = { INT32_MAX },
                         small_[] = { INT32_MIN };
    static const struct {
        const int32_t *tokens;
        size_t count, first;
        const char *says;
    } rows[] = {
        { negative, 2, 0, "token 1 has id -1: the vocabulary has 259" },
        { past, 2, 0, "token 1 has id 259" },
        { large, 1, 1, "token 0 has id 2147483647" },
        { small_, 1, 0, "token 0 has id -2147483648" },
        { tokens, TOKENS - BEFORE + 1, 0, "5 tokens after 3 do not fit a context of 7" },
        { tokens, SIZE_MAX, 0, "do not fit a context of 7" },
        { tokens, 2, 3, "logits from token 3 of 2" },
    };
    static float whole[TOKENS * VOCAB], rest[TOKENS * VOCAB], untouched[2 * VOCAB];
    struct opened o = open_small();
    struct trit_model *model;
    struct trit_session *s;
    struct trit_error error;
    assert_int_equal(trit_model_load(&model, o.gguf, pool, NULL, NULL), TRIT_OK);
    assert_int_equal(use(model, whole, &error), TRIT_OK);
    assert_int_equal(trit_session_create(&s, model, CONTEXT, 2, NULL), TRIT_OK);
    assert_int_equal(trit_session_eval(s, tokens, BEFORE, 0, rest, NULL), TRIT_OK);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const enum trit_code code =
            trit_session_eval(s, rows[i].tokens, rows[i].count, rows[i].first, untouched, &error);
        assert_int_equal(code, TRIT_EARGUMENT);
        if (!strstr(error.text, rows[i].says))
            fail_msg("expected '%s': %s", rows[i].says, error.text);
        assert_int_equal(trit_session_position(s), BEFORE);
    }
    for (size_t i = 0; i < sizeof untouched / sizeof *untouched; i++)
        assert_true(untouched[i] == 0);
    assert_int_equal(trit_session_eval(s, NULL, 0, 0, NULL, NULL), TRIT_OK);
    assert_int_equal(
        trit_session_eval(s, tokens + BEFORE, TOKENS - BEFORE, 0, rest + BEFORE * VOCAB, NULL),
        TRIT_OK);
    assert_memory_equal(whole, rest, sizeof whole);
    assert_int_equal(trit_session_eval(s, tokens, 1, 0, untouched, &error), TRIT_EARGUMENT);
    trit_session_free(s);
    trit_model_free(model);
    close_small(&o);
}

static int start(void **state)
{
    (void)state;
    return trit_pool_create(&pool, 2, NULL);
}

static int stop(void **state)
{
    (void)state;
    trit_pool_destroy(pool);
    return 0;
}

int main(void)
{
    static const struct CMUnitTest all[] = {
        cmocka_unit_test(absurd_sizes),
        cmocka_unit_test(keys),
        cmocka_unit_test(tensors),
        cmocka_unit_test(data),
        cmocka_unit_test(each_tensor),
        cmocka_unit_test(each_vector),
        cmocka_unit_test(each_key),
        cmocka_unit_test(one_model_many_files),
        cmocka_unit_test(shapes),
        cmocka_unit_test(rope_factors_count),
        cmocka_unit_test(stopped_anywhere),
        cmocka_unit_test(session_sizes),
        cmocka_unit_test(bad_tokens_change_nothing),
    };
    return cmocka_run_group_tests(all, start, stop);
}
