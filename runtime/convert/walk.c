/* Walks through tensors by all threads. */
#include "runtime/convert/walk.h"

#include <stdlib.h>

#include "runtime/base/mem.h"

/* PIECE and ROOM: values, of a piece and of all pieces of a region. */
enum { PIECE = 1 << 16, ROOM = 1 << 24, PIECES = 64, FOR_EACH_THREAD = 4, PIECES_MAX = 256 };

size_t trit_source_rows(const struct trit_source_tensor *t)
{
    return (size_t)(t->ne[1] * t->ne[2] * t->ne[3]);
}

uint64_t trit_source_values(const struct trit_source_tensor *t)
{
    return t->ne[0] * trit_source_rows(t);
}

enum trit_code trit_walk_step(struct trit_walk *w, uint64_t values, struct trit_error *error)
{
    w->done += values;
    const double share = w->done < w->total ? (double)w->done / (double)w->total : 1;
    const uint64_t bytes = (uint64_t)(share * (double)w->bytes);
    if (w->progress && !w->progress(w->progress_arg, bytes, w->bytes))
        return trit_fail(error, TRIT_ESTOPPED, "stopped");
    return TRIT_OK;
}

void trit_walk_free(struct trit_walk *w)
{
    free(w->x);
    free(w->out);
    w->x = NULL;
    w->out = NULL;
    w->x_room = w->out_room = 0;
}

/* Pieces that are seen to side by side. */
struct batch {
    struct trit_walk *walk;
    const struct trit_walk_job *job;
    struct trit_piece pieces[PIECES_MAX];
    size_t piece_values; /* room for, of a piece */
};

static void see_to(void *arg, size_t begin, size_t end, int thread)
{
    struct batch *b = arg;
    struct trit_source *source = b->walk->source;
    float *x = b->walk->x + (size_t)thread * b->piece_values;
    for (size_t i = begin; i < end; i++) {
        struct trit_piece *p = &b->pieces[i];
        p->code = source->kind->rows(source, b->job->tensor, p->row, p->n, x, NULL);
        p->x = x;
        p->good = !p->code && b->job->piece(b->job->arg, p);
        p->x = NULL;
    }
}

enum trit_code trit_walk_again(struct trit_walk *w, const struct trit_walk_job *job,
                               struct trit_piece *p, struct trit_error *error)
{
    p->x = w->x;
    return w->source->kind->rows(w->source, job->tensor, p->row, p->n, w->x, error);
}

static enum trit_code run_batch(struct batch *b, size_t n, struct trit_error *error)
{
    struct trit_walk *w = b->walk;
    uint64_t values = 0;
    trit_pool_for(w->pool, n, 1, see_to, b);
    for (size_t i = 0; i < n; i++) {
        enum trit_code code = b->pieces[i].code;
        values += b->pieces[i].n * b->pieces[i].k;
        if (!code)
            continue;
        trit_fail(error, code, "%s: cannot be read", w->source->path);
        if (trit_walk_again(w, b->job, &b->pieces[i], error))
            return code;
    }
    const enum trit_code code = b->job->after(b->job->arg, b->pieces, n, error);
    return code ? code : trit_walk_step(w, values, error);
}

/* Rows of a piece: about PIECE values, never less than a step. */
static size_t piece_rows(const struct trit_walk_job *job, size_t k)
{
    const size_t step = job->step ? job->step : 1, steps = PIECE / k / step;
    return steps ? steps * step : step;
}

static enum trit_code make_room(struct batch *b, size_t pieces, struct trit_error *error)
{
    struct trit_walk *w = b->walk;
    const size_t blocks = (b->piece_values + b->job->block - 1) / b->job->block;
    size_t x, out;
    bool good = trit_mul(b->piece_values, (size_t)trit_pool_threads(w->pool), &x) &&
                trit_mul(blocks, b->job->bytes, &out) && trit_mul(out, pieces, &out);
    if (good) {
        w->x = trit_outgrow(w->x, &w->x_room, x, sizeof *w->x);
        w->out = trit_outgrow(w->out, &w->out_room, out, 1);
        good = w->x && w->out;
    }
    if (!good)
        return trit_fail(error, TRIT_EMEMORY, "%s: no memory for rows of %s", w->source->path,
                         w->source->tensors[b->job->tensor].from);
    for (size_t i = 0; i < pieces; i++)
        b->pieces[i].out = w->out + i * blocks * b->job->bytes;
    return TRIT_OK;
}

/* Enough for all threads to be busy for long; fewer where a row is very long. */
static size_t pieces_of(const struct trit_walk *w, size_t values)
{
    const size_t wanted = FOR_EACH_THREAD * (size_t)trit_pool_threads(w->pool);
    const size_t most = wanted > PIECES ? wanted : PIECES, room = ROOM / values + 1;
    const size_t pieces = most < PIECES_MAX ? most : PIECES_MAX;
    return pieces < room ? pieces : room;
}

enum trit_code trit_walk_rows(struct trit_walk *w, const struct trit_walk_job *job,
                              struct trit_error *error)
{
    const struct trit_source_tensor *t = &w->source->tensors[job->tensor];
    const size_t k = (size_t)t->ne[0], rows = trit_source_rows(t), each = piece_rows(job, k);
    struct batch b = { .walk = w, .job = job, .piece_values = (each < rows ? each : rows) * k };
    const size_t pieces = pieces_of(w, b.piece_values);
    enum trit_code code = make_room(&b, pieces, error);
    for (size_t row = 0; row < rows && !code;) {
        size_t n = 0;
        for (; n < pieces && row < rows; n++, row += b.pieces[n - 1].n) {
            struct trit_piece *p = &b.pieces[n];
            *p = (struct trit_piece){ .row = row, .k = k, .out = p->out };
            p->n = rows - row < each ? rows - row : each;
        }
        code = run_batch(&b, n, error);
    }
    return code;
}
