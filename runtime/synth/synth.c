/* A random model as a GGUF: what it may be, and its bytes, made as they are written. */
#include "runtime/synth/synth.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/room.h"
#include "runtime/format/gguf_write.h"
#include "runtime/synth/internal.h"

enum { SLICE_UNITS = 32, I2_S_TAIL = 32 }; /* a slice is at most 8 MiB */

struct maker {
    struct trit_synth_plan plan;
    struct trit_noise *noise;
    struct trit_gguf_writer *writer;
    struct trit_pool *pool;
    uint8_t *slice;
    uint64_t done, total; /* bytes of tensors */
};

/* Whether the types can hold the shapes, and how many bytes there will be. */
static enum trit_code measure(struct maker *m, struct trit_error *error)
{
    for (size_t i = 0; i < m->plan.nparts; i++) {
        const struct trit_synth_part *p = &m->plan.parts[i];
        uint64_t bytes = 0;
        const char *why = trit_type_bytes(p->type, p->ne, &bytes);
        if (!why && p->use.values == TRIT_NOISE_GROUPS && p->ne[0] % TRIT_NOISE_GROUP)
            why = "its row length is not a multiple of a group's columns";
        if (!why && __builtin_add_overflow(m->total, bytes, &m->total))
            why = "the file would not fit 64 bits";
        if (why)
            return trit_fail(error, TRIT_EARGUMENT, "shape %s: %s, %llu x %llu as %s: %s",
                             m->plan.synth->shape.name, p->name, (unsigned long long)p->ne[1],
                             (unsigned long long)p->ne[0], trit_type_find(p->type)->name, why);
    }
    return TRIT_OK;
}

static enum trit_code put_tables(const struct maker *m, struct trit_error *error)
{
    enum trit_code code = trit_synth_keys(&m->plan, m->writer, error);
    if (code)
        return code;
    if (m->plan.synth->legacy)
        trit_gguf_renumber(m->writer, TRIT_PQ2_0, TRIT_Q2_0);
    for (size_t i = 0; i < m->plan.nparts; i++)
        trit_gguf_put_tensor(m->writer, m->plan.parts[i].name, m->plan.parts[i].type,
                             m->plan.parts[i].ndims, m->plan.parts[i].ne);
    return trit_gguf_write_begin(m->writer, error);
}

/* Data: slice after slice, whose units are made side by side. */

struct slice {
    const struct maker *maker;
    const struct trit_synth_part *part;
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
            trit_noise_seed(m->plan.synth->seed, s->part->draws, s->first / TRIT_NOISE_UNIT + i);
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
    const struct trit_synth *s = m->plan.synth;
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

static size_t bytes_of(const struct trit_synth_part *p, size_t elements)
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
static bool write_chain(struct maker *m, const struct trit_synth_part *p)
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
static bool write_part(struct maker *m, const struct trit_synth_part *p)
{
    size_t n = p->ne[0] * p->ne[1] * p->ne[2], most = (size_t)SLICE_UNITS * TRIT_NOISE_UNIT;
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
    for (size_t i = 0; i < m->plan.nparts && !code; i++)
        if (!write_part(m, &m->plan.parts[i]))
            code = trit_fail(error, TRIT_ESTOPPED, "stopped; nothing was written");
    return code;
}

static enum trit_code check_predictor(const struct trit_synth *s, const struct trit_family *f,
                                      struct trit_error *error)
{
    if (s->mtp && !f->predicts)
        return trit_fail(error, TRIT_EARGUMENT,
                         "architecture %s has no prediction block: without --mtp", s->arch);
    if (!(s->accept >= 0 && s->accept <= 1))
        return trit_fail(error, TRIT_EARGUMENT, "mtp-accept %g: a share, above 0 and up to 1",
                         s->accept);
    if (s->accept > 0 && !(s->mtp && s->chain))
        return trit_fail(error, TRIT_EARGUMENT, "mtp-accept needs mtp and a chain");
    return TRIT_OK;
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
    if (trit_synth_dense(s->type) && (!f->dense || s->mtp))
        return trit_fail(error, TRIT_EARGUMENT, "architecture %s%s has no matrices of type %s",
                         s->arch, s->mtp ? " with a prediction block" : "",
                         trit_type_find(s->type)->name);
    if (s->low_rows && !trit_family_groups(f, s->type))
        return trit_fail(error, TRIT_EARGUMENT,
                         "an embedding made as the matrices are needs a type with groups of "
                         "columns, as in architecture qwen3");
    if (f->kinds[1].layer && !trit_family_groups(f, s->type))
        return trit_fail(error, TRIT_EARGUMENT,
                         "architecture %s has groups of columns: no matrices of type %s", s->arch,
                         trit_type_find(s->type)->name);
    if (s->zeros > 0 && (trit_family_groups(f, s->type) || trit_synth_dense(s->type)))
        return trit_fail(
            error, TRIT_EARGUMENT,
            "zeros are made for matrices with one scale, of type i2_s, f16, tq1_0 or tq2_0");
    if (s->zeros > 0 && (s->hadamard || s->int4))
        return trit_fail(error, TRIT_EARGUMENT,
                         "zeros are made for int8 inputs that are not rotated: without --hadamard, "
                         "--activation-bits 4");
    if (s->int4 && trit_synth_dense(s->type))
        return trit_fail(error, TRIT_EARGUMENT,
                         "inputs of dense matrices are not quantised: without --activation-bits 4");
    if (s->zeros > 0 && !f->skips)
        return trit_fail(error, TRIT_EARGUMENT, "architecture %s has no zeros: without --zeros",
                         s->arch);
    if (s->shape.norms_in && !f->norms_in.layer)
        return trit_fail(error, TRIT_EARGUMENT,
                         "architecture %s has no norms before projections: without --norms-in",
                         s->arch);
    if (s->chain && !s->shape.untied)
        return trit_fail(error, TRIT_EARGUMENT, "a chain needs an untied head");
    return check_predictor(s, f, error);
}

/* Blocks of a rotation divide the rows of all weights that count as rotated. */
static enum trit_code set_rotation(struct trit_synth_plan *p, struct trit_error *error)
{
    static const enum trit_width widths[] = { TRIT_HIDDEN, TRIT_Q, TRIT_INNER, TRIT_FFN };
    const size_t block = p->synth->hadamard;
    struct trit_config *c = &p->config;
    if (!block)
        return TRIT_OK;
    if (!c->family->hadamard)
        return trit_fail(error, TRIT_EARGUMENT,
                         "architecture %s has no rotated weights: without --hadamard",
                         p->synth->arch);
    if (block & (block - 1))
        return trit_fail(error, TRIT_EARGUMENT, "hadamard %zu: must be a power of two", block);
    for (size_t i = !c->family->prism; i < sizeof widths / sizeof *widths; i++)
        if (trit_config_width(c, widths[i]) % block)
            return trit_fail(
                error, TRIT_EARGUMENT,
                "hadamard %zu: does not divide rows of %zu columns, which shape %s has", block,
                trit_config_width(c, widths[i]), p->synth->shape.name);
    c->hadamard = (struct trit_hadamard){ .block = block };
    if (!c->family->prism)
        return TRIT_OK;
    c->hadamard.signs = c->hadamard.grouped = c->hadamard.rows = true;
    c->hadamard.tied = c->tied;
    c->delta.float_gates = true;
    return TRIT_OK;
}

static enum trit_code set_experts(struct trit_synth_plan *p, struct trit_error *error)
{
    struct trit_experts *e = &p->config.experts;
    const struct trit_synth *s = p->synth;
    if (!p->config.family->experts && (s->experts || s->used))
        return trit_fail(error, TRIT_EARGUMENT,
                         "architecture %s has no experts: without --experts, --experts-used",
                         s->arch);
    e->count = s->experts ? s->experts : e->count;
    e->used = s->used ? s->used : e->used;
    if (e->used > e->count)
        return trit_fail(error, TRIT_EARGUMENT, "%zu experts of %zu are used", e->used, e->count);
    return TRIT_OK;
}

/* What the file will hold, and that its types can. */
static enum trit_code make_plan(struct maker *m, const char *path, struct trit_error *error)
{
    struct trit_synth_plan *p = &m->plan;
    const struct trit_synth *s = p->synth;
    enum trit_code code = set_rotation(p, error);
    if (!code)
        code = set_experts(p, error);
    p->config.predicting = s->mtp;
    if (!code && s->peak > 0 && p->config.embd_scale > 0)
        code = trit_fail(error, TRIT_EARGUMENT,
                         "architecture %s has norms before its sums: without --peak", s->arch);
    if (!code && s->peak > 0)
        code = trit_residual_plan(&p->stream, &s->shape, s->peak, s->zeros, m->noise, error);
    if (!code && !trit_synth_parts(p))
        code = trit_fail(error, TRIT_EMEMORY, "%s: out of memory", path);
    return code ? code : measure(m, error);
}

static enum trit_code write_file(struct maker *m, const char *path, struct trit_error *error)
{
    enum trit_code code = trit_need_disk(path, m->total, error);
    if (code || (code = trit_gguf_writer_create(&m->writer, path, error)))
        return code;
    if (!(code = write_all(m, error)))
        return trit_gguf_writer_finish(m->writer, error);
    trit_gguf_writer_abandon(m->writer);
    return code;
}

static void maker_free(struct maker *m)
{
    trit_noise_free(m->noise);
    free(m->plan.parts);
    free(m->slice);
}

enum trit_code trit_synth_write(const struct trit_synth *synth, const char *path,
                                struct trit_pool *pool, struct trit_error *error)
{
    struct maker m = { .plan.synth = synth, .pool = pool };
    enum trit_code code = check(synth, error);
    if (code)
        return code;
    trit_shape_config(&synth->shape, trit_family_find(synth->arch, strlen(synth->arch)),
                      &m.plan.config);
    const size_t units = units_of(synth->chain, synth->shape.hidden);
    const size_t slice =
        (units > SLICE_UNITS ? units : SLICE_UNITS) * TRIT_NOISE_UNIT * sizeof(float);
    code = trit_need_memory(path, slice, "take a smaller --chain or hidden size", error);
    if (code)
        return code;
    m.noise = trit_noise_create(trit_synth_spread(synth));
    m.slice = malloc(slice);
    if (!m.noise || !m.slice)
        code = trit_fail(error, TRIT_EMEMORY, "%s: out of memory", path);
    if (!code)
        code = make_plan(&m, path, error);
    if (!code)
        code = write_file(&m, path, error);
    maker_free(&m);
    return code;
}
