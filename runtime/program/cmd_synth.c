/* tritmill synth: a random model of a given shape, to measure and test with. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "runtime/cli/commands.h"
#include "runtime/cpu/cpu.h"
#include "runtime/format/gguf_write.h"
#include "runtime/synth/synth.h"

enum { MAX_THREADS = 4 }; /* past that the disk is the limit */

struct options {
    const char *shape, *output, *tokenizer, *arch;
    uint64_t seed;
    int type, embd;     /* choices by number; -1: as the architecture has it */
    int context, vocab; /* 0: as the shape has it */
    int chain, hadamard;
    int experts, used;
    int bits; /* choice by number */
    bool untied, mtp, norms_in;
    double peak, zeros, accept;
};

/* Their names stand in --type. */
static const struct {
    uint32_t type;
    bool legacy;
} types[] = { { TRIT_I2_S, false },  { TRIT_F16, false },   { TRIT_PTQ1_0, false },
              { TRIT_PQ2_0, false }, { TRIT_Q2_0, false },  { TRIT_PQ2_0, true },
              { TRIT_Q1_0, false },  { TRIT_TQ1_0, false }, { TRIT_TQ2_0, false },
              { TRIT_BF16, false },  { TRIT_Q8_0, false } };
static const uint32_t embds[] = { TRIT_F16, TRIT_BF16, TRIT_F32, TRIT_Q8_0, TRIT_Q6_K };

#define AT(member) offsetof(struct options, member)
static const struct trit_option options[] = {
    { "--shape", TRIT_OPT_TEXT, AT(shape), "SHAPE",
      "tiny, large, 2b4t, 3b, 8b, embedding-270m, -0.6b, falcon-e-1b, -3b, falcon3-1b, -3b, -7b, "
      "-10b, bonsai-1.7b, -4b, -8b, bonsai2-2b, -4b, -9b, -27b, maple-20b, or "
      "HIDDENxFFNxLAYERSxHEADSxKV[xHEAD_DIM]",
      0, 0, NULL },
    { "-o,--output", TRIT_OPT_TEXT, AT(output), "FILE", "the GGUF file to write", 0, 0, NULL },
    { "--seed", TRIT_OPT_U64, AT(seed), "N", "same seed, same file (default 1)", 0, 0, NULL },
    { "--type", TRIT_OPT_CHOICE, AT(type), NULL,
      "of the matrices (default i2_s; for qwen3 and qwen35 ptq1_0); q1_0: signs instead of trits; "
      "bf16, q8_0: "
      "dense, for llama and qwen3",
      0, 0, "i2_s|f16|ptq1_0|pq2_0|q2_0|q2_0_legacy|q1_0|tq1_0|tq2_0|bf16|q8_0" },
    { "--embd", TRIT_OPT_CHOICE, AT(embd), NULL,
      "type of embedding and head (default f16; for qwen3 and qwen35 trits or signs as in the "
      "matrices)",
      0, 0, "f16|bf16|f32|q8_0|q6_k" },
    { "--untied", TRIT_OPT_FLAG, AT(untied), NULL, "store the head as a separate tensor", 0, 0,
      NULL },
    { "--peak", TRIT_OPT_FLOAT, AT(peak), "C",
      "cosine of a final state with its token's row, below 1, for example 0.3", 0, 1, NULL },
    { "--zeros", TRIT_OPT_FLOAT, AT(zeros), "P",
      "with --peak: share of zeros among ffn_down's int8 inputs, for example 0.8", 0, 1, NULL },
    { "--chain", TRIT_OPT_INT, AT(chain), "N",
      "with --peak: the most likely text is a cycle of N ids, not of one", 2, 4096, NULL },
    { "--hadamard", TRIT_OPT_INT, AT(hadamard), "N",
      "weights count as rotated in blocks of N columns, a power of two, for example 1024: "
      "of qwen35 all, of bitnet-b1.58 and qwen3 attn_output and ffn_down",
      1, 1 << 20, NULL },
    { "--activation-bits", TRIT_OPT_CHOICE, AT(bits), NULL,
      "of the inputs of the layers' matrices (default 8)", 0, 0, "8|4" },
    { "--norms-in", TRIT_OPT_FLAG, AT(norms_in), NULL,
      "for qwen3 and gemma3: with a norm before every projection", 0, 0, NULL },
    { "--experts", TRIT_OPT_INT, AT(experts), "N", "for maple: of a layer (default 256)", 1, 4096,
      NULL },
    { "--experts-used", TRIT_OPT_INT, AT(used), "N",
      "for maple: that a token goes through (default 8)", 1, 4096, NULL },
    { "--mtp", TRIT_OPT_FLAG, AT(mtp), NULL,
      "for qwen35: with a block of Q8_0 that predicts the token after the next", 0, 0, NULL },
    { "--mtp-accept", TRIT_OPT_FLOAT, AT(accept), "P",
      "--mtp, with a share P of its drafts right; --peak and --chain are 0.5 and 256 if not given",
      0, 1, NULL },
    { "--tokenizer", TRIT_OPT_TEXT, AT(tokenizer), "FILE",
      "vocabulary of a tokenizer.json (default: a built-in one of bytes)", 0, 0, NULL },
    { "--vocab", TRIT_OPT_INT, AT(vocab), "N", "vocabulary size (default: the shape's)", 1,
      TRIT_VOCAB_MAX, NULL },
    { "--context", TRIT_OPT_INT, AT(context), "N", "context length (default: the shape's)", 1,
      1 << 24, NULL },
    { "--arch", TRIT_OPT_TEXT, AT(arch), "NAME",
      "architecture name (default the shape's, else bitnet-b1.58)", 0, 0, NULL },
};
#undef AT

static const struct trit_rule rules[] = {
    { TRIT_RULE_SOME, "--shape" },
    { TRIT_RULE_SOME, "-o" },
    { TRIT_RULE_NEEDS, "--zeros,--peak" },
    { TRIT_RULE_NEEDS, "--chain,--peak,--mtp-accept" },
};

/* The vocabulary and how many rows it gets: --vocab, else the shape's or what a tokenizer.json
 * needs. */
static enum trit_code make_vocabulary(const struct options *o, struct trit_shape *shape,
                                      struct trit_vocab *v, struct trit_error *error)
{
    enum trit_code code =
        o->tokenizer ? trit_vocab_read(v, o->tokenizer, error) : trit_vocab_builtin(v, error);
    if (code)
        return code;
    if (o->vocab)
        shape->vocab = (size_t)o->vocab;
    if (shape->vocab < v->n && !o->vocab)
        shape->vocab = v->n;
    if (shape->vocab < v->n) {
        code = trit_fail(error, TRIT_EARGUMENT, "--vocab %d: the vocabulary has %zu tokens",
                         o->vocab, v->n);
        trit_vocab_free(v);
        return code;
    }
    return trit_vocab_pad(v, shape->vocab, error);
}

static enum trit_code write_model(const struct trit_synth *synth, const char *path,
                                  struct trit_error *error)
{
    int threads = trit_cpu_get()->threads;
    struct trit_pool *pool;
    enum trit_code code =
        trit_pool_create(&pool, threads < MAX_THREADS ? threads : MAX_THREADS, error);
    if (code)
        return code;
    trit_catch_stop();
    trit_progress_begin(synth->progress_arg, "writing");
    code = trit_synth_write(synth, path, pool, error);
    trit_progress_end(synth->progress_arg);
    trit_pool_destroy(pool);
    return code;
}

/* Architecture and types: what was asked for, else what its models usually have. */
static void choose(const struct options *o, struct trit_synth *s)
{
    const struct trit_family *shape = trit_shape_family(&s->shape);
    s->arch = o->arch ? o->arch : shape->names[0];
    const struct trit_family *f = trit_family_find(s->arch, strlen(s->arch));
    s->type = o->type >= 0 ? types[o->type].type : f ? trit_shape_type(&s->shape, f) : 0;
    s->legacy = o->type >= 0 && types[o->type].legacy;
    s->low_rows = o->embd < 0 && f && trit_family_low_rows(f, s->type);
    s->embd = embds[o->embd < 0 ? 0 : o->embd];
}

/* Drafts can be right by a share only where the text is a chain. */
static void predict(const struct options *o, struct trit_synth *s)
{
    static const double usual_peak = 0.5;
    enum { USUAL_CHAIN = 256 }; /* the bytes of the built-in vocabulary: no end of text */
    s->mtp = o->mtp || o->accept >= 0;
    if (o->accept < 0)
        return;
    s->accept = o->accept;
    s->peak = s->peak > 0 ? s->peak : usual_peak;
    s->chain = s->chain ? s->chain : USUAL_CHAIN;
}

static enum trit_code synth(const struct options *o, struct trit_error *error)
{
    struct trit_progress progress;
    struct trit_vocab vocabulary;
    struct trit_synth s = { .vocabulary = &vocabulary,
                            .seed = o->seed,
                            .peak = o->peak,
                            .zeros = o->zeros,
                            .chain = (size_t)o->chain,
                            .hadamard = (size_t)o->hadamard,
                            .int4 = o->bits == 1,
                            .experts = (size_t)o->experts,
                            .used = (size_t)o->used,
                            .progress = trit_progress_step,
                            .progress_arg = &progress };
    enum trit_code code = trit_shape_parse(&s.shape, o->shape, error);
    if (!code && o->accept == 0)
        code = trit_fail(error, TRIT_EARGUMENT, "--mtp-accept 0: must be above 0, for example 0.8");
    if (!code)
        code = trit_output_check(o->output, &trit_output_gguf, &o->tokenizer, 1, error);
    if (code)
        return code;
    s.shape.norms_in |= o->norms_in;
    choose(o, &s);
    predict(o, &s);
    s.shape.untied |= o->untied || s.chain;
    if (o->context)
        s.shape.context = (size_t)o->context;
    if ((code = make_vocabulary(o, &s.shape, &vocabulary, error)))
        return code;
    code = write_model(&s, o->output, error);
    trit_vocab_free(&vocabulary);
    return code;
}

static int run(int argc, char **argv)
{
    struct options o = { .seed = 1, .type = -1, .embd = -1, .accept = -1 };
    struct trit_error error;
    enum trit_parse parsed = trit_cli_parse(&trit_cmd_synth, argc, argv, &o, NULL);
    if (parsed != TRIT_PARSE_OK)
        return parsed == TRIT_PARSE_HELP ? 0 : 2;
    return synth(&o, &error) ? trit_cli_error(&error) : 0;
}

const struct trit_command trit_cmd_synth = {
    .name = "synth",
    .summary = "write a random ternary model of a given shape",
    .usage = "--shape SHAPE -o FILE [options]",
    .detail = "The model has the sizes, types and statistics of a real one, but random weights. "
              "2b4t is\nBitNet b1.58 2B4T: 1.2 GB; bonsai-8b 1.8 GB, bonsai2-27b 5.9 GB. Types "
              "other than q1_0 hold "
              "the same\nmatrices for the same seed.",
    .options = options,
    .noptions = sizeof options / sizeof *options,
    .rules = rules,
    .nrules = sizeof rules / sizeof *rules,
    .run = run,
};
