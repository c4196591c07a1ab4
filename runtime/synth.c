/* A random BitNet model as a GGUF: its keys, its tensors in file order, and how large their values
   are so that activations stay near 1. */
#include "runtime/synth.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/gguf_write.h"
#include "runtime/half.h"
#include "runtime/mem.h"
#include "runtime/synth_noise.h"

enum { SLICE_UNITS = 32, I2_S_TAIL = 32 }; /* a slice is at most 8 MiB */

/* Of a trit's square: 2 * 0.289. */
static const double TRIT_POWER = 0.578;
static const float NORM_SPREAD = 0.1f;

/* A tensor of the file. */
struct part {
    char name[64];
    uint32_t type, ndims;
    uint64_t ne[4];
    struct trit_noise_use use;
};

struct maker {
    const struct trit_synth *synth;
    struct trit_noise *noise;
    struct trit_gguf_writer *writer;
    struct trit_pool *pool;
    struct part *parts;
    size_t nparts;
    uint8_t *slice;
    uint64_t done, total; /* bytes of tensors */
};

static size_t kv_width(const struct trit_shape *s)
{
    return s->hidden / s->heads * s->kv_heads;
}

/* The tensors of a layer. n = NONE: a norm of k weights. Residual: what it gives is added to the
   stream, by 2 per layer, so it is made smaller. */
enum width { NONE, HIDDEN, FFN, KV };
static const struct role {
    const char *name;
    enum width n, k;
    bool residual;
} roles[] = {
    { "attn_norm", NONE, HIDDEN, false },     { "attn_q", HIDDEN, HIDDEN, false },
    { "attn_k", KV, HIDDEN, false },          { "attn_v", KV, HIDDEN, false },
    { "attn_sub_norm", NONE, HIDDEN, false }, { "attn_output", HIDDEN, HIDDEN, true },
    { "ffn_norm", NONE, HIDDEN, false },      { "ffn_gate", FFN, HIDDEN, false },
    { "ffn_up", FFN, HIDDEN, false },         { "ffn_sub_norm", NONE, FFN, false },
    { "ffn_down", HIDDEN, FFN, true },
};
enum { NROLES = sizeof roles / sizeof *roles };

static struct part norm_part(size_t k)
{
    return (struct part){ .type = TRIT_F32,
                          .ndims = 1,
                          .ne = { k, 1, 1, 1 },
                          .use = { .mean = 1, .size = NORM_SPREAD } };
}

/* A normalised row of k inputs comes out with variance 1, or 1 / (2 * layers). d is rounded to f16,
   so that both types hold the same matrix. */
static struct part matrix_part(const struct trit_synth *s, size_t n, size_t k, bool residual)
{
    double power = TRIT_POWER * (double)k * (residual ? 2.0 * (double)s->shape.layers : 1.0);
    float d = trit_f16_f32(trit_f32_f16((float)(1 / sqrt(power))));
    return (struct part){
        .type = s->type, .ndims = 2, .ne = { k, n, 1, 1 }, .use = { .ternary = true, .size = d }
    };
}

/* Logits have variance 1. */
static float rows_spread(const struct trit_synth *s)
{
    return (float)(1 / sqrt((double)s->shape.hidden));
}

static struct part rows_part(const struct trit_synth *s)
{
    return (struct part){ .type = s->embd,
                          .ndims = 2,
                          .ne = { s->shape.hidden, s->shape.vocab, 1, 1 },
                          .use = { .size = rows_spread(s) } };
}

static void add_layer(struct maker *m, size_t layer)
{
    const struct trit_synth *s = m->synth;
    const size_t widths[] = {
        [HIDDEN] = s->shape.hidden, [FFN] = s->shape.ffn, [KV] = kv_width(&s->shape)
    };
    for (size_t i = 0; i < NROLES; i++) {
        const struct role *r = &roles[i];
        struct part *p = &m->parts[m->nparts++];
        *p = r->n == NONE ? norm_part(widths[r->k])
                          : matrix_part(s, widths[r->n], widths[r->k], r->residual);
        snprintf(p->name, sizeof p->name, "blk.%zu.%s.weight", layer, r->name);
    }
}

static void add_named(struct maker *m, const char *name, struct part part)
{
    struct part *p = &m->parts[m->nparts++];
    *p = part;
    snprintf(p->name, sizeof p->name, "%s", name);
}

static bool plan(struct maker *m)
{
    const struct trit_synth *s = m->synth;
    m->parts = calloc(s->shape.layers * NROLES + 3, sizeof *m->parts);
    if (!m->parts)
        return false;
    add_named(m, "token_embd.weight", rows_part(s));
    for (size_t i = 0; i < s->shape.layers; i++)
        add_layer(m, i);
    add_named(m, "output_norm.weight", norm_part(s->shape.hidden));
    if (s->shape.untied)
        add_named(m, "output.weight", rows_part(s));
    return true;
}

/* Whether the types can hold the shapes, and how many bytes there will be. */
static enum trit_code measure(struct maker *m, struct trit_error *error)
{
    for (size_t i = 0; i < m->nparts; i++) {
        const struct part *p = &m->parts[i];
        uint64_t bytes = 0;
        const char *why = trit_type_bytes(p->type, p->ne, &bytes);
        if (!why && __builtin_add_overflow(m->total, bytes, &m->total))
            why = "the file would not fit 64 bits";
        if (why)
            return trit_fail(error, TRIT_EARGUMENT, "shape %s: %s, %llu x %llu as %s: %s",
                             m->synth->shape.name, p->name, (unsigned long long)p->ne[1],
                             (unsigned long long)p->ne[0], trit_type_find(p->type)->name, why);
    }
    return TRIT_OK;
}

/* Keys. */

static void put_arch_u32(const struct maker *m, const char *key, size_t value)
{
    char name[96];
    snprintf(name, sizeof name, "%s.%s", m->synth->arch, key);
    trit_gguf_put_u32(m->writer, name, (uint32_t)value);
}

static void put_arch_f32(const struct maker *m, const char *key, float value)
{
    char name[96];
    snprintf(name, sizeof name, "%s.%s", m->synth->arch, key);
    trit_gguf_put_f32(m->writer, name, value);
}

static void put_model_keys(const struct maker *m)
{
    const struct trit_synth *s = m->synth;
    const struct trit_shape *shape = &s->shape;
    char name[96];
    snprintf(name, sizeof name, "synthetic %s, seed %llu", shape->name,
             (unsigned long long)s->seed);
    trit_gguf_put_text(m->writer, "general.architecture", s->arch);
    trit_gguf_put_text(m->writer, "general.name", name);
    trit_gguf_put_u32(m->writer, "general.file_type", s->type == TRIT_I2_S ? 40 : 1);
    trit_gguf_put_u32(m->writer, "general.quantization_version", 2);
    put_arch_u32(m, "vocab_size", shape->vocab);
    put_arch_u32(m, "context_length", shape->context);
    put_arch_u32(m, "embedding_length", shape->hidden);
    put_arch_u32(m, "block_count", shape->layers);
    put_arch_u32(m, "feed_forward_length", shape->ffn);
    put_arch_u32(m, "rope.dimension_count", shape->hidden / shape->heads);
    put_arch_u32(m, "attention.head_count", shape->heads);
    put_arch_u32(m, "attention.head_count_kv", shape->kv_heads);
    put_arch_f32(m, "attention.layer_norm_rms_epsilon", 1e-5f);
    put_arch_f32(m, "rope.freq_base", 500000);
}

static enum trit_code put_vocabulary(const struct maker *m, struct trit_error *error)
{
    const struct trit_vocab *v = m->synth->vocabulary;
    float *scores = calloc(v->n, sizeof *scores);
    if (!scores)
        return trit_fail(error, TRIT_EMEMORY, "vocabulary: out of memory");
    trit_gguf_put_text(m->writer, "tokenizer.ggml.model", "gpt2");
    trit_gguf_put_texts(m->writer, "tokenizer.ggml.tokens", v->tokens, v->n);
    trit_gguf_put_f32s(m->writer, "tokenizer.ggml.scores", scores, v->n);
    trit_gguf_put_i32s(m->writer, "tokenizer.ggml.token_type", v->types, v->n);
    trit_gguf_put_texts(m->writer, "tokenizer.ggml.merges", v->merges, v->nmerges);
    if (v->bos >= 0)
        trit_gguf_put_u32(m->writer, "tokenizer.ggml.bos_token_id", (uint32_t)v->bos);
    if (v->eos >= 0) {
        trit_gguf_put_u32(m->writer, "tokenizer.ggml.eos_token_id", (uint32_t)v->eos);
        trit_gguf_put_u32(m->writer, "tokenizer.ggml.padding_token_id", (uint32_t)v->eos);
    }
    trit_gguf_put_bool(m->writer, "tokenizer.ggml.add_bos_token", v->bos >= 0);
    free(scores);
    return TRIT_OK;
}

static enum trit_code put_tables(const struct maker *m, struct trit_error *error)
{
    put_model_keys(m);
    enum trit_code code = put_vocabulary(m, error);
    if (code)
        return code;
    for (size_t i = 0; i < m->nparts; i++)
        trit_gguf_put_tensor(m->writer, m->parts[i].name, m->parts[i].type, m->parts[i].ndims,
                             m->parts[i].ne);
    return trit_gguf_write_begin(m->writer, error);
}

/* Data: slice after slice, whose units are made side by side. */

struct slice {
    const struct maker *maker;
    const struct part *part;
    size_t first, count, unit_bytes; /* elements of the tensor; bytes of a whole unit */
};

static void make_units(void *arg, size_t begin, size_t end, int thread)
{
    (void)thread;
    const struct slice *s = arg;
    const struct maker *m = s->maker;
    for (size_t i = begin; i < end; i++) {
        size_t left = s->count - i * TRIT_NOISE_UNIT;
        uint64_t seed = trit_noise_seed(m->synth->seed, (uint64_t)(s->part - m->parts),
                                        s->first / TRIT_NOISE_UNIT + i);
        trit_noise_fill(m->noise, &s->part->use, s->part->type, seed,
                        left < TRIT_NOISE_UNIT ? left : TRIT_NOISE_UNIT,
                        m->slice + i * s->unit_bytes);
    }
}

static bool step(struct maker *m, size_t bytes)
{
    const struct trit_synth *s = m->synth;
    m->done += bytes;
    return !s->progress || s->progress(s->progress_arg, m->done, m->total);
}

static void write_i2_s_tail(struct maker *m, float d)
{
    uint8_t tail[I2_S_TAIL] = { 0 };
    memcpy(tail, &d, sizeof d);
    trit_gguf_write(m->writer, tail, sizeof tail);
    m->done += sizeof tail;
}

/* False after a stop. */
static bool write_part(struct maker *m, const struct part *p)
{
    const struct trit_type_info *info = trit_type_find(p->type);
    size_t n = p->ne[0] * p->ne[1], most = (size_t)SLICE_UNITS * TRIT_NOISE_UNIT;
    struct slice s = { m, p, 0, 0, TRIT_NOISE_UNIT / info->block * info->bytes };
    for (; s.first < n; s.first += s.count) {
        s.count = most < n - s.first ? most : n - s.first;
        trit_pool_for(m->pool, (s.count + TRIT_NOISE_UNIT - 1) / TRIT_NOISE_UNIT, 1, make_units,
                      &s);
        size_t bytes = s.count / info->block * info->bytes;
        trit_gguf_write(m->writer, m->slice, bytes);
        if (!step(m, bytes))
            return false;
    }
    if (p->type == TRIT_I2_S)
        write_i2_s_tail(m, p->use.size);
    return true;
}

static enum trit_code write_all(struct maker *m, struct trit_error *error)
{
    enum trit_code code = put_tables(m, error);
    for (size_t i = 0; i < m->nparts && !code; i++)
        if (!write_part(m, &m->parts[i]))
            code = trit_fail(error, TRIT_ESTOPPED, "stopped; nothing was written");
    return code;
}

static enum trit_code check(const struct trit_synth *s, struct trit_error *error)
{
    if (s->vocabulary->n != s->shape.vocab)
        return trit_fail(error, TRIT_EARGUMENT, "shape %s: %zu tokens for a vocabulary of %zu",
                         s->shape.name, s->vocabulary->n, s->shape.vocab);
    return TRIT_OK;
}

static void maker_free(struct maker *m)
{
    trit_noise_free(m->noise);
    free(m->parts);
    free(m->slice);
}

enum trit_code trit_synth_write(const struct trit_synth *synth, const char *path,
                                struct trit_pool *pool, struct trit_error *error)
{
    struct maker m = { .synth = synth, .pool = pool };
    enum trit_code code = check(synth, error);
    if (code)
        return code;
    m.noise = trit_noise_create(rows_spread(synth));
    m.slice = malloc((size_t)SLICE_UNITS * TRIT_NOISE_UNIT * sizeof(float));
    if (!m.noise || !m.slice || !plan(&m))
        code = trit_fail(error, TRIT_EMEMORY, "%s: out of memory", path);
    if (!code && !(code = measure(&m, error)))
        code = trit_gguf_writer_create(&m.writer, path, error);
    if (m.writer) {
        code = write_all(&m, error);
        if (code)
            trit_gguf_writer_abandon(m.writer);
        else
            code = trit_gguf_writer_finish(m.writer, error);
    }
    maker_free(&m);
    return code;
}
