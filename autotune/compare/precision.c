/* What a token costs with the matrices of one model in different formats: each distinct shape is
   measured and counts as often as it occurs. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "autotune/check/check.h"
#include "autotune/compare/internal.h"
#include "autotune/compare/svg.h"
#include "runtime/base/clock.h"
#include "runtime/base/mem.h"
#include "runtime/base/text.h"
#include "runtime/cli/cli.h"
#include "runtime/kernel/pack.h"
#include "runtime/kernel/probe.h"
#include "runtime/model/model.h"
#include "runtime/model/shapes.h"

enum {
    SHAPES = 8,
    ROUNDS = 9,
    HEAD_BYTES = 128 << 20, /* of the head that are timed; the rest is the same again */
};
static const double trial_seconds = 5e-3, energy_seconds = 0.3;

struct format {
    const char *name, *packing;
    enum trit_op op;
    const char *what;
};
/* Of floats, which are the head's kernels; after them come the packings that have one. */
static const struct format floats[] = {
    { "f32", "f32", TRIT_OP_head, "f32 weights, f32 activations" },
    { "f16", "f16", TRIT_OP_head, "f16 weights, f32 activations" },
    { "bf16", "bf16", TRIT_OP_head, "bf16 weights, f32 activations" },
};
enum { NFLOATS = sizeof floats / sizeof *floats, BASE = 1 /* f16 */ };
enum { MOST_FORMATS = NFLOATS + TRIT_NPACKINGS };

/* A format's row; NaN: not known. */
struct row {
    const char *name, *what, *kernel;
    const struct trit_kernel *last; /* the one that the shape before got */
    bool verified;
    double bits, bytes, total_bytes; /* per weight; of all matrices; and of the head */
    double matrix_ms, head_ms, token_ms, tokens, ratio, gbs, limit_share, joules;
};

#define AT(member) offsetof(struct row, member)
static const struct trit_column columns[] = {
    { "format", "format", TRIT_CELL_TEXT, AT(name), 0, 0, NULL, NULL },
    { "what", "what", TRIT_CELL_TEXT, AT(what), 0, 0, NULL, NULL },
    { "bits_per_weight", "bits/weight", TRIT_CELL_NUMBER, AT(bits), 0, 2, NULL,
      "in memory, padding and scales counted" },
    { "matrix_bytes", "matrices, MB", TRIT_CELL_COUNT, AT(bytes), 1e-6, -4, NULL, NULL },
    { "total_bytes", "with head, MB", TRIT_CELL_COUNT, AT(total_bytes), 1e-6, -4, NULL, NULL },
    { "matrix_ms", "matrices, ms", TRIT_CELL_NUMBER, AT(matrix_ms), 0, -4, NULL,
      "per token, all matrices of all layers" },
    { "head_ms", "head, ms", TRIT_CELL_NUMBER, AT(head_ms), 0, -4, NULL, NULL },
    { "token_ms", "token, ms", TRIT_CELL_NUMBER, AT(token_ms), 0, -4, NULL, NULL },
    { "tokens_per_second", "tokens/s", TRIT_CELL_NUMBER, AT(tokens), 0, 2, NULL, NULL },
    { "vs_f16", "x f16", TRIT_CELL_NUMBER, AT(ratio), 0, 2, NULL,
      "how many times as fast as f16, matrices alone" },
    { "gbs", "GB/s", TRIT_CELL_NUMBER, AT(gbs), 0, 1, NULL, "of the matrices" },
    { "limit_share", "of limit", TRIT_CELL_NUMBER, AT(limit_share), 100, 0, " %",
      "share of the read bandwidth" },
    { "joules_per_token", "J/token", TRIT_CELL_NUMBER, AT(joules), 0, 3, NULL,
      "packages and memory, by RAPL; matrices alone" },
    { "kernel", NULL, TRIT_CELL_TEXT, AT(kernel), 0, 0, NULL, NULL },
    { "verified", "verified", TRIT_CELL_FLAG, AT(verified), 0, 0, NULL, NULL },
};

/* Matrices of one shape. */
struct matrix {
    char name[24];
    size_t n, k, count;
};

struct work {
    const struct trit_precision *p;
    struct trit_config config;
    struct matrix matrices[SHAPES];
    size_t nmatrices;
    double largest;                      /* weights of the largest, whose kernel a row names */
    struct format formats[MOST_FORMATS]; /* in the order of their table */
    size_t nformats;
    struct row rows[MOST_FORMATS];
    bool served[MOST_FORMATS]; /* there are kernels at every shape */
    struct trit_dense *dense;
    struct trit_measure *measure; /* of the shape under way */
    struct trit_limits *limits;
    struct trit_energy *energy;
    const char *energy_why;
    struct trit_progress progress;
    uint64_t done, total;
};

static void add_matrix(struct work *w, const char *name, size_t n, size_t k, size_t count)
{
    size_t i = 0;
    while (i < w->nmatrices && (w->matrices[i].n != n || w->matrices[i].k != k))
        i++;
    struct matrix *m = &w->matrices[i];
    const size_t at = strlen(m->name);
    w->nmatrices += i == w->nmatrices;
    snprintf(m->name + at, sizeof m->name - at, "%s%s", at ? " and " : "", name);
    m->n = n;
    m->k = k;
    m->count += count;
    if ((double)n * (double)k > w->largest)
        w->largest = (double)n * (double)k;
}

static enum trit_code read_config(const struct trit_precision *p, struct trit_config *c,
                                  struct trit_error *error)
{
    struct trit_shape shape;
    enum trit_code code =
        p->model ? trit_shape_parse(&shape, p->model, error) : trit_config_file(c, p->file, error);
    if (code)
        return code;
    if (p->model) {
        trit_shape_config(&shape, trit_shape_family(&shape), c);
        return TRIT_OK;
    }
    const char *slash = strrchr(p->file, '/');
    snprintf(c->name, sizeof c->name, "%s", slash ? slash + 1 : p->file);
    return TRIT_OK;
}

static enum trit_code find_matrices(struct work *w, struct trit_error *error)
{
    struct trit_config *c = &w->config;
    struct trit_model_matrix list[TRIT_MODEL_MATRICES];
    enum trit_code code = read_config(w->p, c, error);
    if (code)
        return code;
    const size_t n = trit_model_matrices(c, list);
    for (size_t i = 0; i < n; i++)
        if (list[i].count && !list[i].head)
            add_matrix(w, list[i].name, list[i].n, list[i].k, list[i].count);
    double memory = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    double needed = 2 * sizeof(float) * w->largest; /* two in f32, so that none stays in a cache */
    char needs[16], has[16];
    if (needed > memory / 2)
        return trit_fail(error, TRIT_EMEMORY,
                         "compare --precision: %s's largest matrix takes %s, and half of the "
                         "memory is %s",
                         c->name, trit_bytes_text(needed, needs), trit_bytes_text(memory / 2, has));
    return TRIT_OK;
}

/* Nanoseconds of one product of the shape under way; 0 where it could not be had. */
static double time_once(struct work *w, const struct trit_kernel *kernel, const struct matrix *m,
                        double seconds)
{
    if (kernel->op == TRIT_OP_head)
        return trit_dense_time(w->dense, kernel, m->n, m->k, seconds);
    const struct trit_trial candidate = { .kernel = kernel, .m = 1 };
    const struct trit_rounds once = { .n = 1, .min_seconds = seconds };
    struct trit_timing t;
    struct trit_error error;
    if (trit_measure_run(w->measure, &candidate, 1, &once, &t, &error))
        return 0;
    return t.samples ? t.median_ns : 0;
}

static bool serves(const struct work *w, const struct trit_kernel *kernel, const struct format *f)
{
    return kernel->op == f->op && !strcmp(kernel->packing, f->packing) &&
           trit_isa_usable(kernel->isa, NULL) &&
           (f->op == TRIT_OP_head || trit_measure_fits(w->measure, kernel));
}

/* The fastest of a format for the shape under way by a short trial; NULL where there is none. */
static const struct trit_kernel *fastest(struct work *w, const struct format *f,
                                         const struct matrix *m)
{
    const struct trit_kernel *best = NULL;
    double least = INFINITY;
    for (size_t i = 0; i < trit_kernel_count() && !trit_stopped(); i++) {
        const struct trit_kernel *kernel = trit_kernel_at(i);
        if (!serves(w, kernel, f))
            continue;
        double ns = time_once(w, kernel, m, trial_seconds);
        if (ns > 0 && ns < least) {
            least = ns;
            best = kernel;
        }
    }
    return best;
}

static bool verified(struct work *w, const struct trit_kernel *kernel)
{
    const char *why;
    if (kernel->op == TRIT_OP_head)
        return trit_check_run(trit_check_head, kernel, 1);
    trit_measure_verify(w->measure, &kernel, 1, &why);
    return !why;
}

static double bytes_of(const struct trit_kernel *kernel, const struct matrix *m)
{
    if (kernel->op == TRIT_OP_head)
        return (double)m->n * (double)m->k * (double)trit_dense_element(kernel);
    const struct trit_packing *packing = trit_packing_find(kernel->packing);
    size_t nr = (size_t)kernel->nr;
    double scales = packing->group ? 0 : (double)trit_round_up(m->n, nr) * sizeof(float);
    return (double)trit_packed_bytes(packing, m->n, m->k, nr) + scales;
}

/* Joules of one product that takes ns, by the power of a run of its own. */
static double energy_of(struct work *w, const struct trit_kernel *kernel, const struct matrix *m,
                        double ns)
{
    if (!w->energy)
        return NAN;
    double begin = trit_now(), joules = trit_energy_joules(w->energy);
    time_once(w, kernel, m, energy_seconds);
    joules = trit_energy_joules(w->energy) - joules;
    return joules / (trit_now() - begin) * ns * 1e-9;
}

static enum trit_code step(struct work *w, struct trit_error *error)
{
    if (trit_progress_step(&w->progress, ++w->done, w->total) && !trit_stopped())
        return TRIT_OK;
    return trit_fail(error, TRIT_ESTOPPED, "stopped");
}

/* Adds a shape to a format's row. */
static void account(struct work *w, struct row *row, const struct trit_kernel *kernel,
                    const struct matrix *m, double ns)
{
    double count = (double)m->count;
    row->matrix_ms += count * ns * 1e-6;
    row->bytes += count * bytes_of(kernel, m);
    row->joules += count * energy_of(w, kernel, m, ns);
    row->verified = row->verified && (kernel == row->last || verified(w, kernel));
    row->last = kernel;
    if ((double)m->n * (double)m->k >= w->largest)
        row->kernel = kernel->name;
}

/* All formats at one shape, in turns. */
static enum trit_code measure_shape(struct work *w, const struct matrix *m,
                                    struct trit_error *error)
{
    const struct trit_kernel *kernels[MOST_FORMATS];
    double ns[MOST_FORMATS][ROUNDS];
    double seconds = w->p->seconds / (double)(w->nmatrices * w->nformats * ROUNDS);
    enum trit_code code = trit_measure_open(&w->measure, w->p->pool, m->n, m->k, error);
    for (size_t f = 0; f < w->nformats && !code; f++) {
        kernels[f] = fastest(w, &w->formats[f], m);
        code = step(w, error);
    }
    for (size_t r = 0; r < ROUNDS && !code; r++) {
        for (size_t f = 0; f < w->nformats; f++)
            ns[f][r] = kernels[f] ? time_once(w, kernels[f], m, seconds) : (double)NAN;
        trit_limits_sample_read(w->limits);
        code = step(w, error);
    }
    for (size_t f = 0; f < w->nformats && !code; f++)
        if (kernels[f])
            account(w, &w->rows[f], kernels[f], m, trit_estimate_median(ns[f], ROUNDS).median);
        else
            w->served[f] = false;
    trit_measure_close(w->measure);
    w->measure = NULL;
    return code;
}

/* The head in f16: a slice of its rows, and the rest in proportion. */
static enum trit_code measure_head(struct work *w, double *ms, double *bytes,
                                   struct trit_error *error)
{
    static const struct format head = { "f16", "f16", TRIT_OP_head, NULL };
    struct matrix m = { .n = w->config.vocab, .k = w->config.hidden, .count = 1 };
    double all = (double)m.n, ns[ROUNDS];
    *bytes = all * (double)m.k * 2;
    if (m.n > HEAD_BYTES / 2 / m.k)
        m.n = HEAD_BYTES / 2 / m.k + 1;
    const struct trit_kernel *kernel = fastest(w, &head, &m);
    enum trit_code code = TRIT_OK;
    for (size_t r = 0; r < ROUNDS && kernel && !code; r++) {
        ns[r] = time_once(w, kernel, &m, trial_seconds);
        code = step(w, error);
    }
    *ms = kernel && !code ? trit_estimate_median(ns, ROUNDS).median * 1e-6 * all / (double)m.n
                          : (double)NAN;
    return code;
}

static void complete(struct work *w, double head_ms, double head_bytes)
{
    double weights = 0, read = trit_limits_read_gbs(w->limits), base = w->rows[BASE].matrix_ms;
    for (size_t i = 0; i < w->nmatrices; i++)
        weights +=
            (double)w->matrices[i].count * (double)w->matrices[i].n * (double)w->matrices[i].k;
    for (size_t f = 0; f < w->nformats; f++) {
        struct row *row = &w->rows[f];
        row->bits = row->bytes * 8 / weights;
        row->total_bytes = row->bytes + head_bytes;
        row->head_ms = head_ms;
        row->token_ms = row->matrix_ms + head_ms;
        row->tokens = 1000 / row->token_ms;
        row->ratio = base / row->matrix_ms;
        row->gbs = row->bytes / row->matrix_ms * 1e-6;
        row->limit_share = row->gbs / read;
    }
}

/* Moves the rows of formats that are served to the front; how many. */
static size_t gather(struct work *w)
{
    size_t n = 0;
    for (size_t f = 0; f < w->nformats; f++)
        if (w->served[f])
            w->rows[n++] = w->rows[f];
    return n;
}

static void describe(const struct work *w, struct trit_table *t)
{
    const struct trit_config *c = &w->config;
    int threads = trit_pool_threads(w->p->pool);
    size_t at = 0;
    char list[256] = "";
    for (size_t i = 0; i < w->nmatrices && at < sizeof list; i++)
        at += (size_t)snprintf(list + at, sizeof list - at, "%s%s: %zu x (%zu x %zu)",
                               i ? ", " : "", w->matrices[i].name, w->matrices[i].count,
                               w->matrices[i].n, w->matrices[i].k);
    trit_table_fact(t, "model", "model", NAN, "%s: %zu layers, vocabulary %zu", c->name, c->layers,
                    c->vocab);
    trit_table_fact(t, "matrices", "matrices", NAN, "%s", list);
    trit_table_fact(t, "threads", "threads", threads, "%d", threads);
    trit_table_fact(t, "limit_read_gbs", "limit", trit_limits_read_gbs(w->limits),
                    "%.1f GB/s read, measured in between", trit_limits_read_gbs(w->limits));
    trit_table_machine(t);
    trit_table_note(t,
                    "Decode, one token, weights cold: each distinct shape timed, times how often "
                    "it occurs. Attention, norms and the like are left out.");
    trit_table_note(t,
                    "The head (%zu x %zu) counts once, in f16 for every row: a slice of its rows "
                    "is timed and scaled up.",
                    c->vocab, c->hidden);
    trit_table_note(t, "Floats are summed in a fixed order, as everywhere in tritmill; the best "
                       "kernel of each format at each shape, found by trial.");
    for (size_t f = 0; f < w->nformats; f++)
        if (!w->served[f])
            trit_table_note(t, "%s: no kernel for it can run every shape here.",
                            w->formats[f].name);
    if (w->energy_why)
        trit_table_note(t, "Energy is n/a: %s.", w->energy_why);
}

/* Bars of ms per token, matrices and head one after the other. */
static void figure(FILE *to, const void *arg)
{
    enum { BAR = 30, LEFT = 70, RIGHT = 720, TOP = 34 };
    const struct trit_table *t = arg;
    const struct row *rows = t->rows;
    struct trit_axis x = { 0, 0, LEFT, RIGHT, false };
    double ticks[10], bottom = TOP + (double)t->nrows * BAR;
    for (size_t i = 0; i < t->nrows; i++)
        x.high = fmax(x.high, rows[i].token_ms);
    fputs("<h2>Time of one token</h2>\n<figure>\n", to);
    trit_svg_begin(to, 900, bottom + 44, "Bars: milliseconds per token for each format");
    size_t n = trit_axis_ticks(&x, ticks, 10);
    for (size_t i = 0; i < n; i++) {
        double at = trit_axis_at(&x, ticks[i]);
        trit_svg_line(to, "grid", at, TOP - 6, at, bottom);
        trit_svg_text(to, "soft", (struct trit_svg_place){ at, bottom + 16, "middle" }, "%.10g",
                      ticks[i]);
    }
    for (size_t i = 0; i < t->nrows; i++) {
        double y = TOP + (double)i * BAR, middle = trit_axis_at(&x, rows[i].matrix_ms),
               end = trit_axis_at(&x, rows[i].token_ms);
        trit_svg_text(to, "strong", (struct trit_svg_place){ LEFT - 9, y + 16, "end" }, "%s",
                      rows[i].name);
        trit_svg_rect(to, "bar f0", (struct trit_svg_box){ LEFT, y + 2, middle - LEFT, BAR - 10 },
                      rows[i].kernel);
        trit_svg_rect(to, "bar f6", (struct trit_svg_box){ middle, y + 2, end - middle, BAR - 10 },
                      "head");
        trit_svg_text(to, "label", (struct trit_svg_place){ end + 8, y + 16, "start" },
                      "%.1f ms, %.1f tokens/s", rows[i].token_ms, rows[i].tokens);
    }
    trit_svg_line(to, "axis", LEFT, TOP - 6, LEFT, bottom);
    trit_svg_text(to, "label", (struct trit_svg_place){ (LEFT + RIGHT) / 2, bottom + 36, "middle" },
                  "milliseconds per token: all matrices, then the head in f16");
    trit_svg_end(to);
    fputs("</figure>\n", to);
}

static enum trit_code measure_all(struct work *w, enum trit_compare_output output,
                                  struct trit_error *error)
{
    double head_ms = NAN, head_bytes = NAN;
    enum trit_code code = TRIT_OK;
    w->total = w->nmatrices * (w->nformats + ROUNDS) + ROUNDS;
    trit_progress_begin(&w->progress, "measuring");
    for (size_t i = 0; i < w->nmatrices && !code; i++)
        code = measure_shape(w, &w->matrices[i], error);
    if (!code)
        code = measure_head(w, &head_ms, &head_bytes, error);
    trit_progress_end(&w->progress);
    if (code)
        return code;
    complete(w, head_ms, head_bytes);
    struct trit_table t = { .columns = columns,
                            .ncolumns = sizeof columns / sizeof *columns,
                            .rows = w->rows,
                            .nrows = gather(w),
                            .stride = sizeof *w->rows };
    snprintf(t.title, sizeof t.title, "Formats of %s's matrices, decode", w->config.name);
    describe(w, &t);
    return trit_compare_print(&t, output, figure, &t, error);
}

static void list_formats(struct work *w)
{
    const struct trit_packing *p;
    memcpy(w->formats, floats, sizeof floats);
    w->nformats = NFLOATS;
    for (size_t i = 0; (p = trit_packing_at(i)); i++)
        if (p->format)
            w->formats[w->nformats++] =
                (struct format){ p->format, p->name, TRIT_OP_gemv, p->what };
}

enum trit_code trit_precision_run(const struct trit_precision *p, enum trit_compare_output output,
                                  struct trit_error *error)
{
    struct work *w = trit_alloc(1, sizeof *w);
    if (!w)
        return trit_fail(error, TRIT_EMEMORY, "no memory for the measurement");
    w->p = p;
    list_formats(w);
    memset(w->served, true, sizeof w->served);
    for (size_t f = 0; f < w->nformats; f++)
        w->rows[f] = (struct row){ .name = w->formats[f].name,
                                   .what = w->formats[f].what,
                                   .verified = true };
    w->energy = trit_energy_open(NULL, &w->energy_why);
    w->energy_why = w->energy ? NULL : w->energy_why;
    enum trit_code code = find_matrices(w, error);
    if (!code)
        code = trit_dense_open(&w->dense, p->pool, error);
    if (!code)
        code = trit_limits_open(&w->limits, p->pool, error);
    if (!code)
        code = measure_all(w, output, error);
    trit_limits_close(w->limits);
    trit_dense_close(w->dense);
    trit_energy_close(w->energy);
    free(w);
    return code;
}
