/* labels: threads */
/* Is every model that cannot be run refused in one line that says where and why, with nothing left
   behind? */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/model/model.h"
#include "tests/lib_model.h"

#define ARCH                         "bitnet-b1.58"
#define NAMED(arch)                  "general.architecture", TRIT_GGUF_STRING, 0, 0, arch
#define SHAPE(name, dimensions, ...) .tensor = name, .ndims = dimensions, .ne = { __VA_ARGS__ }
#define TYPE(name, stored)           .tensor = name, .typed = true, .type = stored
#define COPY(from, name)             .copy = from, .to = name
#define EPS                          "attention.layer_norm_rms_epsilon"
enum { Q4_1 = 3, F64 = 28 };

static const struct trit_toy_shape small = { 32, 64, 2, 4, 2 };
enum { VOCAB = TRIT_TOY_VOCAB };

static struct trit_pool *pool;
static struct trit_toy toy;

/* The present toy is refused, in one line that names the file and says `says`. */
static void refused(enum trit_code code, const char *says)
{
    static float logits[TRIT_TOY_LOGITS];
    struct trit_error error = { .text = "" };
    const enum trit_code got = trit_toy_run(&toy, pool, logits, &error);
    const bool good = got == code && error.code == code && !strncmp(error.text, "toy.gguf: ", 10) &&
                      strstr(error.text, says) && !strchr(error.text, '\n') &&
                      strlen(error.text) < 320;
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

static const struct fault key_faults[] = {
    { "'general.architecture' is '(absent)': supported are 'bitnet-b1.58', 'bitnet-25', 'llama', "
      "'qwen3', 'qwen35', 'bitnet', 'gemma3' and 'maple'",
      TRIT_EUNSUPPORTED, .no_key = "general.architecture" },
    { "'mamba': supported are 'bitnet-b1.58'", TRIT_EUNSUPPORTED, .set = { { NAMED("mamba") } } },
    { "'': supported are 'bitnet-b1.58'", TRIT_EUNSUPPORTED, .set = { { NAMED("") } } },
    { "'bitnet-b1.5': supported", TRIT_EUNSUPPORTED, .set = { { NAMED("bitnet-b1.5") } } },
    { "'bit?net': supported", TRIT_EUNSUPPORTED, .set = { { NAMED("bit\nnet") } } },
    { "key 'bitnet-25.embedding_length': is missing", .set = { { NAMED("bitnet-25") } } },
    { "key 'general.architecture': is u32, must be string",
      .set = { { "general.architecture", TRIT_GGUF_U32, 1, 0, NULL } } },
    { "key 'general.name': is u32", .set = { { "general.name", TRIT_GGUF_U32, 1, 0, NULL } } },

    { ".embedding_length' is 0: must be 2 .. 1048576",
      .set = { { TOY_U32("embedding_length", 0) } } },
    { ".embedding_length' is 1: must be 2", .set = { { TOY_U32("embedding_length", 1) } } },
    { ".head_count' is 4: must divide embedding_length 33",
      .set = { { TOY_U32("embedding_length", 33) } } },
    { "embedding_length' is 2147483648: must",
      .set = { { TOY_U32("embedding_length", 1u << 31) } } },
    { "embedding_length': is out of range",
      .set = { { TOY_I32("embedding_length", UINT32_MAX) } } },
    { "'token_embd.weight' has 2 dimensions, 32 x 259: must",
      .set = { { TOY_U32("embedding_length", 64) } } },
    { ".feed_forward_length' is 0", .set = { { TOY_U32("feed_forward_length", 0) } } },
    { ".feed_forward_length' is 1048577", .set = { { TOY_U32("feed_forward_length", 1048577) } } },
    { "ffn_sub_norm.weight' is 64: the file's keys make it 63",
      .set = { { TOY_U32("feed_forward_length", 63) } } },
    { ".block_count' is 0: must be 1 .. 4096", .set = { { TOY_U32("block_count", 0) } } },
    { ".block_count' is 2147483648", .set = { { TOY_U32("block_count", 1u << 31) } } },
    { "'blk.2.attn_norm.weight' is missing: architecture bitnet-b1.58 with block_count 3",
      .set = { { TOY_U32("block_count", 3) } } },
    { "'blk.1.attn_norm.weight' has no place in architecture bitnet-b1.58 with block_count 1",
      TRIT_EUNSUPPORTED, .set = { { TOY_U32("block_count", 1) } } },
    { ".context_length' is 0: must be 1 ..", .set = { { TOY_U32("context_length", 0) } } },
    { ".context_length' is 2147483648", .set = { { TOY_U32("context_length", 1u << 31) } } },

    { ".head_count' is 0: must be 1", .set = { { TOY_U32("attention.head_count", 0) } } },
    { ".head_count' is 3: must divide embedding_length 32",
      .set = { { TOY_U32("attention.head_count", 3) } } },
    { "head_count 32 leaves 1 element per head",
      .set = { { TOY_U32("attention.head_count", 32) } } },
    { ".head_count_kv' is 0: must be 1 .. 4",
      .set = { { TOY_U32("attention.head_count_kv", 0) } } },
    { ".head_count_kv' is 3: must divide", .set = { { TOY_U32("attention.head_count_kv", 3) } } },
    { ".head_count_kv' is 8: must be 1 .. 4",
      .set = { { TOY_U32("attention.head_count_kv", 8) } } },
    { "'blk.0.attn_k.weight' is 32 x 16: the file's keys make it 32 x 32 (columns x rows)",
      .set = { { TOY_U32("attention.head_count_kv", 4) } } },
    { "'blk.0.attn_k.weight' is 32 x 16: the file's keys make it 32 x 32",
      .no_key = ARCH ".attention.head_count_kv" },
    { "key_length' is 16, but", TRIT_EUNSUPPORTED,
      .set = { { TOY_U32("attention.key_length", 16) } } },
    { "value_length' is 4, but", TRIT_EUNSUPPORTED,
      .set = { { TOY_U32("attention.value_length", 4) } } },
    { "dimension_count' is 0: must be 2 .. 8", .set = { { TOY_U32("rope.dimension_count", 0) } } },
    { "dimension_count' is 10: must be 2 .. 8",
      .set = { { TOY_U32("rope.dimension_count", 10) } } },
    { "dimension_count' (absent: the head's 8) is 7: must be even",
      .set = { { TOY_U32("rope.dimension_count", 7) } } },

    { EPS "' is 0: must be", .set = { { TOY_F32(EPS, 0) } } },
    { EPS "' is -1e-05: must be", .set = { { TOY_F32(EPS, -1e-5) } } },
    { EPS "' is nan: must be", .set = { { TOY_F32(EPS, NAN) } } },
    { EPS "' is inf: must be", .set = { { TOY_F32(EPS, INFINITY) } } },
    { EPS "' is 2: must be", .set = { { TOY_F32(EPS, 2) } } },
    { EPS "' is inf: must be", .set = { { TOY_F64(EPS, 1e300) } } },
    { EPS "' is 0: must be", .set = { { TOY_F64(EPS, 1e-300) } } },
    { "freq_base' is 0: must be 1 ..", .set = { { TOY_F32("rope.freq_base", 0) } } },
    { "freq_base' is -1: must be", .set = { { TOY_F32("rope.freq_base", -1) } } },
    { "freq_base' is nan: must be", .set = { { TOY_F32("rope.freq_base", NAN) } } },
    { "freq_base' is inf: must be", .set = { { TOY_F32("rope.freq_base", INFINITY) } } },
    { "freq_base' is 0.5: must be", .set = { { TOY_F32("rope.freq_base", 0.5) } } },

    { "hidden_activation' is 'silu': supported are 'relu2'", TRIT_EUNSUPPORTED,
      .set = { { TOY_TEXT("hidden_activation", "silu") } } },
    { "expert_count' is 8: supported is only 0", TRIT_EUNSUPPORTED,
      .set = { { TOY_U32("expert_count", 8) } } },
    { "sliding_window' is 512", TRIT_EUNSUPPORTED,
      .set = { { TOY_U32("attention.sliding_window", 512) } } },
    { "scaling.type' is 'yarn'", TRIT_EUNSUPPORTED,
      .set = { { TOY_TEXT("rope.scaling.type", "yarn") } } },
    { "factor' is 4: supported", TRIT_EUNSUPPORTED,
      .set = { { TOY_F32("rope.scaling.factor", 4) } } },
    { "factor' is nan: supported", TRIT_EUNSUPPORTED,
      .set = { { TOY_F32("rope.scaling.factor", NAN) } } },
    { "expert_count': is string", .set = { { TOY_TEXT("expert_count", "8") } } },

    { "vocab_size' is 258, but 'token_embd.weight' has 259 rows",
      .set = { { TOY_U32("vocab_size", 258) } } },
    { "vocab_size' is 0: must be", .set = { { TOY_U32("vocab_size", 0) } } },
    { "vocab_size' is 4294967295: must be", .set = { { TOY_U32("vocab_size", UINT32_MAX) } } },
};

static void keys(void **state)
{
    (void)state;
    refused_all(key_faults, sizeof key_faults / sizeof *key_faults);
}

static void one_more_token(void)
{
    trit_vocabulary_add(&toy.vocabulary, "cd", 1);
}

static void end_past_tokens(void)
{
    toy.vocabulary.eos = VOCAB;
}

static void tensors(void **state)
{
    (void)state;
    static const struct fault faults[] = {
        { "'tokenizer.ggml.tokens' has 260 tokens, but 'token_embd.weight' has 259 rows",
          .change = one_more_token },
        { "eos_token_id", .change = end_past_tokens },
        { "vocab_size' is 259, but 'token_embd.weight' has 258 rows",
          SHAPE("token_embd.weight", 2, 32, 258) },
        { "'token_embd.weight' has 2 dimensions, 259 x 32: must",
          SHAPE("token_embd.weight", 2, 259, 32) },
        { "'token_embd.weight' has 3 dimensions, 32 x 259: must",
          SHAPE("token_embd.weight", 3, 32, 259, 1) },
        { "'token_embd.weight' has 1 dimensions, 8288 x 1", SHAPE("token_embd.weight", 1, 8288) },
        { "'output.weight' is 32 x 258: the file's keys make it 32 x 259",
          COPY("token_embd.weight", "output.weight"), SHAPE("output.weight", 2, 32, 258) },
        { "'output.weight' is 259 x 32", COPY("token_embd.weight", "output.weight"),
          SHAPE("output.weight", 2, 259, 32) },
        { "'blk.0.attn_k.weight' is 16 x 32: the file's keys make it 32 x 16",
          SHAPE("blk.0.attn_k.weight", 2, 16, 32) },
        { "'blk.1.ffn_down.weight' is 64 x 30: the", SHAPE("blk.1.ffn_down.weight", 2, 64, 30) },
        { "'blk.1.ffn_up.weight' is 32 x 32 x 2: the", SHAPE("blk.1.ffn_up.weight", 3, 32, 32, 2) },
        { "'blk.1.attn_norm.weight' is 32 x 1: the file's keys make it 32",
          SHAPE("blk.1.attn_norm.weight", 2, 32, 1) },
        { "'blk.1.attn_norm.weight' has type F64 (28): vectors are read as F32, F16, BF16 and Q8_0",
          TRIT_EUNSUPPORTED, TYPE("blk.1.attn_norm.weight", F64) },
        { "'blk.0.attn_q.bias' has no place", TRIT_EUNSUPPORTED,
          COPY("blk.0.attn_norm.weight", "blk.0.attn_q.bias") },
        { "'blk.00.attn_q.weight' has no place", TRIT_EUNSUPPORTED,
          COPY("blk.0.attn_q.weight", "blk.00.attn_q.weight") },
        { "'blk.2.attn_norm.weight' has no place", TRIT_EUNSUPPORTED,
          COPY("blk.0.attn_norm.weight", "blk.2.attn_norm.weight") },
        { "'blk.0.attn_q.weight ' has no place", TRIT_EUNSUPPORTED,
          COPY("blk.0.attn_q.weight", "blk.0.attn_q.weight ") },
        { "'blk.0.attn_q.weight' has type TL1 (38), whose tiling is in a side file",
          TRIT_EUNSUPPORTED, TYPE("blk.0.attn_q.weight", TRIT_TL1) },
        { "(39), whose tiling is in a side file that the GGUF does not carry; ternary matrices are "
          "read from I2_S, TQ1_0, TQ2_0, IQ1_BN, IQ2_BN, IQ2_BN_R4, Q1_0, Q2_0, PQ2_0 and PTQ1_0, "
          "or",
          TRIT_EUNSUPPORTED, TYPE("blk.0.ffn_gate.weight", TRIT_TL2) },
        { "has type unknown (99); ternary matrices are read from I2_S", TRIT_EUNSUPPORTED,
          TYPE("blk.0.ffn_gate.weight", 99) },
        { "(type unknown, 259 x 32): embedding and head are read as F16", TRIT_EUNSUPPORTED,
          TYPE("token_embd.weight", 99) },
    };
    refused_all(faults, sizeof faults / sizeof *faults);
}

#define ROPE(length) \
    COPY("output_norm.weight", "rope_freqs.weight"), SHAPE("rope_freqs.weight", 1, length)
#define SPOILED(name, stored, element, value) \
    TYPE(name, stored), .spoiled = true, .at = element, .with = value

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
        { "'blk.0.attn_v.weight' row 8, column 31: 0.5 is neither 0 nor ±0.1875",
          SPOILED("blk.0.attn_v.weight", TRIT_F32, 8 * 32 + 31, 0.5f) },
        { "'blk.0.attn_v.weight', which take the same inputs, one is dense, one is not",
          TRIT_EUNSUPPORTED, SPOILED("blk.0.attn_v.weight", TRIT_F32, 7 * 32 + 31, 0.5f) },
        { "'blk.0.attn_v.weight' row 15, column 31: 0.5 is neither 0 nor ±0.1875",
          SPOILED("blk.0.attn_v.weight", TRIT_F16, 16 * 32 - 1, 0.5f) },
        { "row 8, column 30: -0.25 is neither",
          SPOILED("blk.1.ffn_gate.weight", TRIT_BF16, 8 * 32 + 30, -0.25f) },
        { "row 9, column 30 is nan",
          SPOILED("blk.1.ffn_gate.weight", TRIT_BF16, 9 * 32 + 30, NAN) },
        { "row 8, column 0 is inf", SPOILED("blk.1.ffn_gate.weight", TRIT_F32, 8 * 32, INFINITY) },
        { "row 9, column 0 is nan", SPOILED("blk.1.ffn_gate.weight", TRIT_F16, 9 * 32, NAN) },

        { "'token_embd.weight' row 258 holds an infinity or NaN",
          SPOILED("token_embd.weight", TRIT_F16, 259 * 32 - 1, NAN) },
        { "row 1 holds an inf", SPOILED("token_embd.weight", TRIT_BF16, 32, -INFINITY) },
        { "row 2 holds an inf", SPOILED("token_embd.weight", TRIT_F32, 64, NAN) },
        { "row 3 holds an inf", SPOILED("token_embd.weight", TRIT_Q8_0, 96, INFINITY) },
        { "'output.weight' row 4 holds an infinity or NaN",
          COPY("token_embd.weight", "output.weight"),
          SPOILED("output.weight", TRIT_Q8_0, 4 * 32 + 9, NAN) },

        { "'rope_freqs.weight' is 5: the file's keys make it 4", ROPE(5) },
        { "'rope_freqs.weight' has type F64 (28)", TRIT_EUNSUPPORTED, ROPE(4), .typed = true,
          .type = F64 },
        { "element 0 is nan: must be finite", ROPE(4), .spoiled = true, .with = NAN },
        { "element 3 is inf: must be finite", ROPE(4), .spoiled = true, .at = 3, .with = INFINITY },
        { "element 3 is 0: it makes", ROPE(4), .spoiled = true, .at = 3, .with = 0 },
        { "element 2 is -1: it makes", ROPE(4), .spoiled = true, .at = 2, .with = -1 },
        { "element 0 is 0.01: it makes a frequency of 100, must be above 0 and at most 64", ROPE(4),
          .spoiled = true, .with = 0.01f },
    };
    refused_all(faults, sizeof faults / sizeof *faults);
}

/* Rows of Q6_K need a wider model. */
static void q6_k_scale(void **state)
{
    (void)state;
    trit_toy_init(&toy, ARCH, &(struct trit_toy_shape){ 256, 64, 1, 4, 2 });
    trit_toy_retype(&toy, TOY_ROWS, TRIT_Q6_K);
    toy.tensors[0].spoiled = true;
    toy.tensors[0].at = 2 * 256 + 5;
    toy.tensors[0].with = NAN;
    refused(TRIT_EFORMAT, "tensor 'token_embd.weight' row 2 holds an infinity or NaN");
}

/* Claims that the file has no bytes for cost neither time nor memory. */
static void absurd_sizes(void **state)
{
    (void)state;
    static const struct fault faults[] = {
        { "'blk.2.attn_norm.weight' is missing", .set = { { TOY_U32("block_count", 4096) } } },
        { "'blk.0.ffn_sub_norm.weight' is 64",
          .set = { { TOY_U32("feed_forward_length", 1 << 20) } } },
        { "'output_norm.weight' is 32: the file's keys make it 1048576",
          .set = { { TOY_U32("embedding_length", 1 << 20) },
                   { TOY_U32("feed_forward_length", 1 << 20) },
                   { TOY_U32("block_count", 4096) },
                   { TOY_U32("attention.head_count", 1) },
                   { TOY_U32("attention.head_count_kv", 1) } },
          TYPE("token_embd.weight", TRIT_TL1), .ndims = 2, .ne = { 1 << 20, VOCAB } },
        { "'blk.0.ffn_gate.weight' has type TL1", TRIT_EUNSUPPORTED,
          TYPE("blk.0.ffn_gate.weight", TRIT_TL1) },
        { "'blk.0.ffn_sub_norm.weight' has type TL1", TRIT_EUNSUPPORTED,
          .set = { { TOY_U32("feed_forward_length", 1 << 20) } },
          TYPE("blk.0.ffn_sub_norm.weight", TRIT_TL1), .ndims = 1, .ne = { 1 << 20 } },
        { "'token_embd.weight' has 16777216 rows", .set = { { TOY_U32("vocab_size", VOCAB) } },
          TYPE("token_embd.weight", TRIT_TL1), .ndims = 2, .ne = { 32, 1 << 24 } },
        { "vocabulary (1 .. 16777216)", TYPE("token_embd.weight", TRIT_TL1), .ndims = 2,
          .ne = { 32, 1ull << 40 } },
        { "run past the end of the file", SHAPE("blk.0.ffn_gate.weight", 2, 1 << 20, 1 << 20) },
    };
    const size_t before = trit_resident_peak();
    refused_all(faults, sizeof faults / sizeof *faults);
    assert_true(trit_resident_peak() < before + (64 << 20));
}

/* Every tensor and key of the good model in turn. */
static void each_tensor(void **state)
{
    (void)state;
    static const uint32_t types[] = { Q4_1, TRIT_TL1, 77 };
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
            snprintf(says, sizeof says, "tensor '%s' %s ", toy.tensors[i].name, i ? "is" : "has");
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

static bool too_late(void *arg, uint64_t done, uint64_t total)
{
    (void)done;
    (void)total;
    *(bool *)arg = true;
    return false;
}

/* What the tables tell is told before any tensor has been loaded. */
static void tables_come_first(void **state)
{
    (void)state;
    static const struct fault faults[] = {
        { "output_norm.weight", .no_tensor = "output_norm.weight" },
        { "'x' has no place", COPY("output_norm.weight", "x") },
        { "blk.1.ffn_down.weight", TYPE("blk.1.ffn_down.weight", TRIT_TL1) },
        { "blk.1.ffn_sub_norm.weight", TYPE("blk.1.ffn_sub_norm.weight", F64) },
        { "token_embd.weight", TYPE("token_embd.weight", Q4_1) },
    };
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        bool loaded = false;
        const struct trit_load_options options = { .progress = too_late, .progress_arg = &loaded };
        struct trit_gguf *gguf;
        struct trit_model *model;
        struct trit_error error = { .text = "" };
        size_t bytes;
        spoil(&faults[i]);
        uint8_t *file = trit_toy_write(&toy, &bytes);
        assert_int_equal(trit_gguf_parse(&gguf, file, bytes, "toy.gguf", &error), TRIT_OK);
        assert_true(trit_model_load(&model, gguf, pool, &options, &error) != TRIT_OK);
        assert_non_null(strstr(error.text, faults[i].says));
        assert_false(loaded);
        trit_gguf_close(gguf);
        free(file);
    }
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
        cmocka_unit_test(absurd_sizes),      cmocka_unit_test(keys),
        cmocka_unit_test(tensors),           cmocka_unit_test(data),
        cmocka_unit_test(each_tensor),       cmocka_unit_test(each_vector),
        cmocka_unit_test(each_key),          cmocka_unit_test(q6_k_scale),
        cmocka_unit_test(tables_come_first),
    };
    return cmocka_run_group_tests(all, start, stop);
}
