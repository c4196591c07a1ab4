/* A random model as a GGUF: its keys, its tensors in file order, and how large their values
   are so that activations stay near 1. */
#include "runtime/synth/synth.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/half.h"
#include "runtime/base/mem.h"
#include "runtime/base/room.h"
#include "runtime/format/gguf_write.h"
#include "runtime/synth/internal.h"

enum { SLICE_UNITS = 32, I2_S_TAIL = 32 }; /* a slice is at most 8 MiB */

/* Of a trit's square: 2 * 0.289; of a sign's. */
static const double TRIT_POWER = 0.578, SIGN_POWER = 1;
static const float NORM_SPREAD = 0.1f;

/* A tensor of the file. */
struct part {
    char name[64];
    uint32_t type, ndims;
    uint64_t ne[4];
    struct trit_noise_use use;
    size_t draws; /* number of the tensor whose draws it has: its own, or the embedding's 0 */
    size_t chain; /* above 1: each row stands in the place of the next of `chain` rows */
};

struct maker {
    const struct trit_synth *synth;
    struct trit_config config;
    struct trit_noise *noise;
    struct trit_gguf_writer *writer;
    struct trit_pool *pool;
    struct trit_residual stream; /* where synth->peak is asked for */
    struct part *parts;
    size_t nparts;
    uint8_t *slice;
    uint64_t done, total; /* bytes of tensors */
};

static struct part norm_part(size_t k)
{
    return (struct part){ .type = TRIT_F32,
                          .ndims = 1,
                          .ne = { k, 1, 1, 1 },
                          .use = { .mean = 1, .size = NORM_SPREAD } };
}

/* What all residual matrices together add has variance 1, or as the peak wants it. */
static double residual_power(const struct maker *m)
{
    const struct trit_shape *shape = &m->synth->shape;
    double all = m->synth->peak > 0 ? m->stream.noise / (double)shape->hidden : 1.0;
    return 2.0 * (double)shape->layers / all;
}

/* The scale with which k trits or signs of a row have `power` in all; rounded to f16, so that all
   types hold the same matrix. */
static struct trit_noise_use low_bit(const struct maker *m, size_t k, double power)
{
    const double one = m->synth->type == TRIT_Q1_0 ? SIGN_POWER : TRIT_POWER;
    const float d = (float)sqrt(power / (one * (double)k));
    return (struct trit_noise_use){ .values = trit_family_groups(m->config.family, m->synth->type)
                                                  ? TRIT_NOISE_GROUPS
                                                  : TRIT_NOISE_TRITS,
                                    .size = trit_f16_f32(trit_f32_f16(d)) };
}

/* A normalised row of k inputs comes out with variance 1, or its part of the residual's. */
static struct part matrix_part(const struct maker *m, size_t n, size_t k, bool residual)
{
    const double power = residual ? 1 / residual_power(m) : 1.0;
    return (struct part){
        .type = m->synth->type, .ndims = 2, .ne = { k, n, 1, 1 }, .use = low_bit(m, k, power)
    };
}

/* Logits have variance 1. */
static float rows_spread(const struct trit_synth *s)
{
    return (float)(1 / sqrt((double)s->shape.hidden));
}

/* The inputs that the gates of the last layer, and some of them those of the others, subtract. */
static size_t whole_lead(const struct maker *m)
{
    const struct trit_synth *s = m->synth;
    return s->zeros > 0 ? trit_residual_lead(&m->stream, s->shape.layers - 1) : 0;
}

static struct part rows_part(const struct maker *m)
{
    const struct trit_synth *s = m->synth;
    struct part part = {
        .type = s->embd,
        .ndims = 2,
        .ne = { s->shape.hidden, s->shape.vocab, 1, 1 },
        .use = { .size = rows_spread(s), .lead = whole_lead(m), .width = s->shape.hidden }
    };
    if (s->low_rows) {
        part.type = s->type;
        part.use = low_bit(m, s->shape.hidden, 1);
    }
    return part;
}

static struct part *add_named(struct maker *m, const char *name, struct part part)
{
    struct part *p = &m->parts[m->nparts];
    *p = part;
    p->draws = m->nparts++;
    snprintf(p->name, sizeof p->name, "%s", name);
    return p;
}

/* Gates subtract the lead of the stream; residual matrices add nothing to it. */
static void set_lead(const struct maker *m, struct part *p, enum trit_aim aim, size_t layer)
{
    if (aim == TRIT_AIM_GATE) {
        p->use.lead = trit_residual_lead(&m->stream, layer);
        p->use.lead_trit = -1;
        p->use.width = p->ne[0];
    } else if (aim == TRIT_AIM_RESIDUAL) {
        p->use.lead = whole_lead(m) * p->ne[0];
        p->use.width = p->ne[0] * p->ne[1];
    }
}

static void add_layer(struct maker *m, size_t layer)
{
    const struct trit_layer_kind *kind = trit_config_kind(&m->config, layer);
    for (size_t i = 0; i < kind->ntensors; i++) {
        const struct trit_layer_tensor *t = &kind->tensors[i];
        const size_t n = trit_config_width(&m->config, t->n),
                     k = trit_config_width(&m->config, t->k);
        char name[64];
        snprintf(name, sizeof name, "blk.%zu.%s.weight", layer, t->name);
        struct part *p = add_named(
            m, name,
            t->n == TRIT_ONE ? norm_part(k) : matrix_part(m, n, k, t->aim == TRIT_AIM_RESIDUAL));
        if (m->synth->zeros > 0)
            set_lead(m, p, t->aim, layer);
    }
}

static bool plan(struct maker *m)
{
    const struct trit_synth *s = m->synth;
    m->parts =
        calloc(s->shape.layers * trit_family_tensors(m->config.family) + 3, sizeof *m->parts);
    if (!m->parts)
        return false;
    add_named(m, "token_embd.weight", rows_part(m));
    for (size_t i = 0; i < s->shape.layers; i++)
        add_layer(m, i);
    add_named(m, "output_norm.weight", norm_part(s->shape.hidden));
    if (!s->shape.untied)
        return true;
    struct part *head = add_named(m, "output.weight", rows_part(m));
    if (s->peak > 0) {
        head->draws = 0;
        head->chain = s->chain;
    }
    return true;
}

/* Whether the types can hold the shapes, and how many bytes there will be. */
static enum trit_code measure(struct maker *m, struct trit_error *error)
{
    for (size_t i = 0; i < m->nparts; i++) {
        const struct part *p = &m->parts[i];
        uint64_t bytes = 0;
        const char *why = trit_type_bytes(p->type, p->ne, &bytes);
        if (!why && p->use.values == TRIT_NOISE_GROUPS && p->ne[0] % TRIT_NOISE_GROUP)
            why = "its row length is not a multiple of a group's columns";
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

static uint32_t file_type(uint32_t type)
{
    static const uint32_t numbers[][2] = { { TRIT_F16, 1 },     { TRIT_I2_S, 40 },
                                           { TRIT_Q1_0, 40 },   { TRIT_Q2_0, 41 },
                                           { TRIT_PQ2_0, 141 }, { TRIT_PTQ1_0, 142 } };
    size_t i = 0;
    while (numbers[i][0] != type)
        i++;
    return numbers[i][1];
}

/* Heads of their own size, and rotations that are stretched. */
static void put_more_keys(const struct maker *m)
{
    const struct trit_config *c = &m->config;
    char name[96];
    if (c->family->own_head_dim) {
        put_arch_u32(m, "attention.key_length", c->head_dim);
        put_arch_u32(m, "attention.value_length", c->head_dim);
    }
    if (!(c->yarn.factor > 0))
        return;
    snprintf(name, sizeof name, "%s.rope.scaling.type", m->synth->arch);
    trit_gguf_put_text(m->writer, name, "yarn");
    put_arch_f32(m, "rope.scaling.factor", c->yarn.factor);
    put_arch_u32(m, "rope.scaling.original_context_length", c->yarn.original);
}

static void put_model_keys(const struct maker *m)
{
    const struct trit_synth *s = m->synth;
    const struct trit_config *c = &m->config;
    char name[96];
    snprintf(name, sizeof name, "synthetic %s, seed %llu", s->shape.name,
             (unsigned long long)s->seed);
    trit_gguf_put_text(m->writer, "general.architecture", s->arch);
    trit_gguf_put_text(m->writer, "general.name", name);
    trit_gguf_put_u32(m->writer, "general.file_type", file_type(s->legacy ? TRIT_Q2_0 : s->type));
    trit_gguf_put_u32(m->writer, "general.quantization_version", 2);
    put_arch_u32(m, "vocab_size", c->vocab);
    put_arch_u32(m, "context_length", c->context);
    put_arch_u32(m, "embedding_length", c->hidden);
    put_arch_u32(m, "block_count", c->layers);
    put_arch_u32(m, "feed_forward_length", c->ffn);
    put_arch_u32(m, "rope.dimension_count", c->rope_dims);
    put_arch_u32(m, "attention.head_count", c->heads);
    put_arch_u32(m, "attention.head_count_kv", c->kv_heads);
    put_arch_f32(m, "attention.layer_norm_rms_epsilon", c->eps);
    put_arch_f32(m, "rope.freq_base", c->rope_base);
    put_more_keys(m);
}

static enum trit_code put_vocabulary(const struct maker *m, struct trit_error *error)
{
    const struct trit_vocab *v = m->synth->vocabulary;
    float *scores = calloc(v->n, sizeof *scores);
    if (!scores)
        return trit_fail(error, TRIT_EMEMORY, "vocabulary: out of memory");
    const char *pre = m->config.family->synth_pre;
    trit_gguf_put_text(m->writer, "tokenizer.ggml.model", "gpt2");
    if (pre)
        trit_gguf_put_text(m->writer, "tokenizer.ggml.pre", pre);
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
    trit_gguf_put_bool(m->writer, "tokenizer.ggml.add_bos_token", v->bos >= 0 && !pre);
    free(scores);
    return TRIT_OK;
}

static enum trit_code put_tables(const struct maker *m, struct trit_error *error)
{
    put_model_keys(m);
    enum trit_code code = put_vocabulary(m, error);
    if (code)
        return code;
    if (m->synth->legacy)
        trit_gguf_renumber(m->writer, TRIT_PQ2_0, TRIT_Q2_0);
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
        uint64_t seed =
            trit_noise_seed(m->synth->seed, s->part->draws, s->first / TRIT_NOISE_UNIT + i);
        trit_noise_fill(m->noise, &s->part->use, s->part->type, seed,
                        left < TRIT_NOISE_UNIT ? left : TRIT_NOISE_UNIT,
                        m->slice + i * s->unit_bytes);
        trit_noise_lead(&s->part->use, s->part->type, s->first + i * TRIT_NOISE_UNIT,
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

static size_t bytes_of(const struct part *p, size_t elements)
{
    const struct trit_type_info *info = trit_type_find(p->type);
    return elements / info->block * info->bytes;
}

/* Units that rows first .. first+count-1 may touch. */
static size_t units_of(size_t count, size_t k)
{
    return count * k / TRIT_NOISE_UNIT + 2;
}

/* Rows in groups of p->chain, the last of a group first. False after a stop. */
static bool write_chain(struct maker *m, const struct part *p)
{
    const size_t k = p->ne[0], n = p->ne[1], row = bytes_of(p, k);
    for (size_t r = 0; r < n; r += p->chain) {
        const size_t rows = p->chain < n - r ? p->chain : n - r;
        const size_t first = r * k / TRIT_NOISE_UNIT * TRIT_NOISE_UNIT,
                     count = (r + rows) * k - first;
        struct slice s = { m, p, first, count, bytes_of(p, TRIT_NOISE_UNIT) };
        trit_pool_for(m->pool, (count + TRIT_NOISE_UNIT - 1) / TRIT_NOISE_UNIT, 1, make_units, &s);
        const uint8_t *from = m->slice + bytes_of(p, r * k - first);
        trit_gguf_write(m->writer, from + (rows - 1) * row, row);
        trit_gguf_write(m->writer, from, (rows - 1) * row);
        if (!step(m, rows * row))
            return false;
    }
    return true;
}

/* False after a stop. */
static bool write_part(struct maker *m, const struct part *p)
{
    size_t n = p->ne[0] * p->ne[1], most = (size_t)SLICE_UNITS * TRIT_NOISE_UNIT;
    struct slice s = { m, p, 0, 0, bytes_of(p, TRIT_NOISE_UNIT) };
    if (p->chain > 1)
        return write_chain(m, p);
    for (; s.first < n; s.first += s.count) {
        s.count = most < n - s.first ? most : n - s.first;
        trit_pool_for(m->pool, (s.count + TRIT_NOISE_UNIT - 1) / TRIT_NOISE_UNIT, 1, make_units,
                      &s);
        size_t bytes = bytes_of(p, s.count);
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
    if (!(s->peak >= 0 && s->peak < 1) || !(s->zeros >= 0 && s->zeros < 1))
        return trit_fail(error, TRIT_EARGUMENT, "peak %g, zeros %g: both are from 0 to below 1",
                         s->peak, s->zeros);
    if (!(s->peak > 0) && (s->zeros > 0 || s->chain))
        return trit_fail(error, TRIT_EARGUMENT, "zeros and chain need a peak, for example 0.3");
    const struct trit_family *f = trit_family_find(s->arch, strlen(s->arch));
    char list[512];
    if (!f)
        return trit_fail(error, TRIT_EARGUMENT, "architecture '%.64s': supported are %s", s->arch,
                         trit_family_list(list, sizeof list));
    if (s->low_rows && !trit_family_groups(f, s->type))
        return trit_fail(error, TRIT_EARGUMENT,
                         "an embedding made as the matrices are needs a type with groups of "
                         "columns, as in architecture qwen3");
    if (s->zeros > 0 && trit_family_groups(f, s->type))
        return trit_fail(error, TRIT_EARGUMENT,
                         "zeros are made for matrices with one scale, of type i2_s or f16");
    if (s->zeros > 0 && !f->skips)
        return trit_fail(error, TRIT_EARGUMENT, "architecture %s has no zeros: without --zeros",
                         s->arch);
    if (s->chain && !s->shape.untied)
        return trit_fail(error, TRIT_EARGUMENT, "a chain needs an untied head");
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
    trit_shape_config(&synth->shape, trit_family_find(synth->arch, strlen(synth->arch)), &m.config);
    const size_t units = units_of(synth->chain, synth->shape.hidden);
    const size_t slice =
        (units > SLICE_UNITS ? units : SLICE_UNITS) * TRIT_NOISE_UNIT * sizeof(float);
    code = trit_need_memory(path, slice, "take a smaller --chain or hidden size", error);
    if (code)
        return code;
    m.noise = trit_noise_create(rows_spread(synth));
    m.slice = malloc(slice);
    if (!m.noise || !m.slice)
        code = trit_fail(error, TRIT_EMEMORY, "%s: out of memory", path);
    if (!code && synth->peak > 0)
        code =
            trit_residual_plan(&m.stream, &synth->shape, synth->peak, synth->zeros, m.noise, error);
    if (!code && !plan(&m))
        code = trit_fail(error, TRIT_EMEMORY, "%s: out of memory", path);
    if (!code && !(code = measure(&m, error)) && !(code = trit_need_disk(path, m.total, error)))
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
