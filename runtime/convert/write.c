/* Writes what was planned: keys, tables, then tensor after tensor. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/base/room.h"
#include "runtime/convert/internal.h"

enum { COPIED = 4 << 20 };

/* A tensor that is being encoded. */
struct encoding {
    struct trit_walk *walk;
    const struct trit_walk_job *job;
    const struct trit_encoder *encoder;
    struct trit_gguf_writer *writer; /* NULL: it is only seen whether it can be */
    uint32_t d;                      /* of the tensor, where it has one */
};

static bool encode(void *arg, struct trit_piece *p)
{
    const struct encoding *e = arg;
    return trit_encode(e->encoder, p->x, p->n * p->k, p->out, &p->held.d);
}

static enum trit_code refuse(struct encoding *e, struct trit_piece *p, struct trit_error *error)
{
    const struct trit_source *s = e->walk->source;
    enum trit_code code = trit_walk_again(e->walk, e->job, p, error);
    const struct trit_encode_rows rows = {
        s->path, s->tensors[e->job->tensor].from, p->x, p->row, p->n, p->k, e->d
    };
    return code ? code : trit_encode_fault(e->encoder, &rows, error);
}

static size_t bytes_of(const struct encoding *e, const struct trit_piece *p)
{
    return p->n * p->k / e->job->block * e->job->bytes;
}

/* What the pieces became stands together: it is written at once. */
static enum trit_code write_pieces(void *arg, struct trit_piece *pieces, size_t n,
                                   struct trit_error *error)
{
    struct encoding *e = arg;
    const struct trit_piece *last = &pieces[n - 1];
    for (size_t i = 0; i < n; i++) {
        const uint32_t d = pieces[i].held.d;
        if (!pieces[i].good || (e->encoder->whole && d && e->d && d != e->d))
            return refuse(e, &pieces[i], error);
        e->d = e->d ? e->d : d;
    }
    if (!e->writer)
        return TRIT_OK;
    trit_gguf_write(e->writer, pieces->out, (size_t)(last->out - pieces->out) + bytes_of(e, last));
    return trit_gguf_writer_failed(e->writer) ? TRIT_EIO : TRIT_OK;
}

/* Rows after which a block of the type ends, where blocks run through rows. */
static size_t step_of(const struct trit_encoder *e, size_t k)
{
    size_t a = trit_type_find(e->type)->block, b = k;
    while (b) {
        const size_t rest = a % b;
        a = b;
        b = rest;
    }
    return e->whole ? trit_type_find(e->type)->block / a : 1;
}

static enum trit_code encode_tensor(struct encoding *e, size_t tensor, struct trit_error *error)
{
    const struct trit_type_info *info = trit_type_find(e->encoder->type);
    const struct trit_walk_job job = {
        .tensor = tensor,
        .step = step_of(e->encoder, (size_t)e->walk->source->tensors[tensor].ne[0]),
        .block = info->block,
        .bytes = info->bytes,
        .piece = encode,
        .after = write_pieces,
        .arg = e
    };
    uint8_t tail[32];
    e->job = &job;
    e->d = 0;
    const enum trit_code code = trit_walk_rows(e->walk, &job, error);
    if (!code && e->writer)
        trit_gguf_write(e->writer, tail, trit_encode_tail(e->encoder, e->d, tail));
    return code;
}

enum trit_code trit_convert_refuse(struct trit_walk *walk, size_t tensor,
                                   const struct trit_encoder *encoder, struct trit_error *error)
{
    struct encoding e = { .walk = walk, .encoder = encoder };
    walk->progress = NULL;
    return encode_tensor(&e, tensor, error);
}

static enum trit_code copy_tensor(struct trit_walk *w, struct trit_gguf_writer *writer,
                                  size_t tensor, struct trit_error *error)
{
    struct trit_source *s = w->source;
    const struct trit_source_tensor *t = &s->tensors[tensor];
    const size_t rows = trit_source_rows(t);
    uint64_t all;
    (void)trit_type_bytes(t->type, t->ne, &all);
    const size_t row = (size_t)(all / rows), each = row < COPIED ? COPIED / (row + 1) + 1 : 1;
    void *buffer = trit_alloc(each < rows ? each : rows, row);
    enum trit_code code = TRIT_OK;
    if (!buffer)
        return trit_fail(error, TRIT_EMEMORY, "%s: no memory for rows of '%s'", s->path, t->from);
    for (size_t first = 0; first < rows && !code; first += each) {
        const size_t n = rows - first < each ? rows - first : each;
        code = s->kind->bytes(s, tensor, first, n, buffer, error);
        if (!code)
            trit_gguf_write(writer, buffer, n * row);
        if (!code && trit_gguf_writer_failed(writer))
            code = TRIT_EIO;
        if (!code)
            code = trit_walk_step(w, n * t->ne[0], error);
    }
    free(buffer);
    return code;
}

static enum trit_code write_tensors(struct trit_convert *c, struct trit_walk *w,
                                    struct trit_gguf_writer *writer, struct trit_error *error)
{
    struct trit_source *s = c->source;
    enum trit_code code = TRIT_OK;
    for (size_t i = 0; i < s->ntensors; i++)
        w->total += trit_source_values(&s->tensors[i]);
    for (size_t i = 0; i < s->ntensors && !code; i++) {
        struct encoding e = { .walk = w, .encoder = c->encoders[i], .writer = writer };
        if (c->encoders[i] && s->kind->prepare)
            code = s->kind->prepare(s, i, c->pool, error);
        if (!code)
            code = c->encoders[i] ? encode_tensor(&e, i, error) : copy_tensor(w, writer, i, error);
    }
    return code;
}

/* general.file_type, as the makers of the types number it (FORMATS-2, section 1). */
static enum trit_code put_tables(struct trit_convert *c, struct trit_gguf_writer *w,
                                 struct trit_error *error)
{
    struct trit_source *s = c->source;
    enum trit_code code = s->kind->put_keys(s, w, error);
    if (code)
        return code;
    trit_gguf_put_u32(w, "general.file_type", trit_gguf_file_type(c->type));
    trit_gguf_put_u32(w, "general.quantization_version", 2);
    for (size_t i = 0; i < s->ntensors; i++)
        trit_gguf_put_tensor(w, s->tensors[i].name, c->types[i], s->tensors[i].ndims,
                             s->tensors[i].ne);
    return trit_gguf_write_begin(w, error);
}

enum trit_code trit_convert_write(struct trit_convert *c, const char *path,
                                  struct trit_error *error)
{
    struct trit_walk w = { .source = c->source,
                           .pool = c->pool,
                           .progress = c->progress,
                           .progress_arg = c->progress_arg,
                           .bytes = c->bytes };
    struct trit_gguf_writer *writer;
    enum trit_code code = trit_need_disk(path, c->bytes, error);
    if (!code)
        code = trit_gguf_writer_create(&writer, path, error);
    if (code)
        return code;
    code = put_tables(c, writer, error);
    if (!code)
        code = write_tensors(c, &w, writer, error);
    trit_walk_free(&w);
    if (!code || trit_gguf_writer_failed(writer))
        return trit_gguf_writer_finish(writer, error);
    trit_gguf_writer_abandon(writer);
    return code;
}
