/* The rows of `tritmill bench` as a table, CSV or JSON, with llama-bench's columns and names, and
 * ours after them. */
#include "autotune/bench/internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/text.h"
#include "runtime/cpu/cpu.h"

#ifndef TRIT_COMPILER
#define TRIT_COMPILER "unknown"
#endif

static void date(time_t when, char *out, size_t room)
{
    struct tm utc;
    strftime(out, room, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&when, &utc));
}

/* Marks what could not be measured, which JSON has no number for. */
static json_t *real(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

static void put_text(json_t *row, const char *key, const char *text)
{
    json_object_set_new(row, key, trit_json_text((struct trit_text){ text, strlen(text) }));
}

static void put_whole(json_t *row, const char *key, double x)
{
    json_object_set_new(row, key, json_integer((json_int_t)x));
}

static void put_subject(json_t *out, const struct trit_bench_subject *s)
{
    put_text(out, "build_commit", trit_commit());
    put_whole(out, "build_number", 0);
    put_text(out, "cpu_info", trit_cpu_get()->brand);
    put_text(out, "gpu_info", "");
    put_text(out, "backends", "CPU");
    put_text(out, "model_filename", s->path);
    put_text(out, "model_type", s->type);
    put_whole(out, "model_size", (double)s->cost->file_bytes);
    put_whole(out, "model_n_params", (double)s->cost->params);
}

static void put_test(json_t *out, const struct trit_bench_subject *s,
                     const struct trit_bench_row *row)
{
    const struct trit_bench_figures *f = &row->figures;
    char when[32];
    date(row->when, when, sizeof when);
    put_whole(out, "n_batch", row->chunk);
    put_whole(out, "n_ubatch", row->chunk);
    put_whole(out, "n_threads", row->threads);
    put_text(out, "type_k", s->kv);
    put_text(out, "type_v", s->kv);
    put_whole(out, "n_prompt", row->n_prompt);
    put_whole(out, "n_gen", row->n_gen);
    put_whole(out, "n_depth", row->n_depth);
    put_text(out, "test_time", when);
    put_text(out, "statistics",
             "avg_, stddev_: mean, standard deviation; all others: median, spread_: half the "
             "interquartile range");
    put_whole(out, "avg_ns", f->avg_ns);
    put_whole(out, "stddev_ns", f->stddev_ns);
    json_object_set_new(out, "avg_ts", real(f->avg_ts));
    json_object_set_new(out, "stddev_ts", real(f->stddev_ts));
    json_object_set_new(out, "median_ts", real(f->median_ts));
    json_object_set_new(out, "spread_ts", real(f->spread_ts));
}

static void put_costs(json_t *out, const struct trit_bench_subject *s,
                      const struct trit_bench_row *row)
{
    const struct trit_bench_figures *f = &row->figures;
    put_whole(out, "n_parallel", row->n_parallel);
    put_text(out, "draft", row->drafts.passes ? trit_draft_name(row->drafts.from) : "none");
    put_whole(out, "draft_n", (double)row->drafts.guessed);
    put_whole(out, "draft_n_accepted", (double)row->drafts.right);
    put_whole(out, "passes", (double)row->counts.passes);
    put_whole(out, "bytes_per_token", f->bytes_per_token);
    put_whole(out, "macs_per_token", f->macs_per_token);
    json_object_set_new(out, "gbs", real(f->gbs));
    json_object_set_new(out, "gmacs", real(f->gmacs));
    json_object_set_new(out, "limit_read_gbs", real(f->limit_read_gbs));
    json_object_set_new(out, "limit_int8_gmacs", real(f->limit_int8_gmacs));
    json_object_set_new(out, "spread_limit_read_gbs", real(f->limit_read_spread));
    json_object_set_new(out, "spread_limit_int8_gmacs", real(f->limit_int8_spread));
    char doubt[256] = "";
    trit_bench_doubt(row, doubt, sizeof doubt);
    put_text(out, "limit_note", doubt);
    json_object_set_new(out, "limit_ratio", real(f->by_bytes ? f->read_ratio : f->int8_ratio));
    json_object_set_new(out, "read_ratio", real(f->read_ratio));
    json_object_set_new(out, "int8_ratio", real(f->int8_ratio));
    put_whole(out, "peak_resident_bytes", (double)row->peak_resident);
    put_whole(out, "weights_bytes", (double)row->memory.weights);
    put_whole(out, "head_bytes", (double)row->memory.head);
    put_whole(out, "kv_bytes", (double)row->memory.kv);
    put_whole(out, "work_bytes", (double)row->memory.work);
    put_whole(out, "file_resident_bytes", (double)row->memory.file);
    put_whole(out, "state_bytes", (double)row->memory.states);
    json_object_set_new(out, "load_seconds", real(row->load_seconds));
    put_text(out, "isa", s->isa);
    put_text(out, "kernels", s->kernels);
    put_text(out, "profile", s->profile);
    put_text(out, "packed_cache", s->cache);
}

/* What was counted, as shares of what there was. */
static const struct {
    const char *name, *text;
    size_t part, all; /* offsets in the counts */
    bool planes;      /* means nothing where all rows are scored at once */
} shares[] = {
    { "share_gates_open", "gates open", offsetof(struct trit_counts, gates_open),
      offsetof(struct trit_counts, gates), false },
    { "share_down_live", "inputs of down not zero", offsetof(struct trit_counts, downs_live),
      offsetof(struct trit_counts, downs), false },
    { "share_up_rows_read", "rows of up read", offsetof(struct trit_counts, up_rows),
      offsetof(struct trit_counts, gates), false },
    { "share_down_columns_read", "columns of down read", offsetof(struct trit_counts, down_cols),
      offsetof(struct trit_counts, downs), false },
    { "share_head_rows_plane2", "head rows scored again", offsetof(struct trit_counts, head_rows2),
      offsetof(struct trit_counts, head_rows), true },
    { "share_head_rows_exact", "exactly", offsetof(struct trit_counts, head_exact),
      offsetof(struct trit_counts, head_rows), true },
};
enum { NSHARES = sizeof shares / sizeof *shares };

/* NaN where nothing of the kind was done. */
static double share(const struct trit_bench_row *row, size_t i)
{
    const char *counts = (const char *)&row->counts;
    uint64_t part, all;
    memcpy(&part, counts + shares[i].part, sizeof part);
    memcpy(&all, counts + shares[i].all, sizeof all);
    if (shares[i].planes && !row->counts.bytes[TRIT_PART_HEAD_PLANE1])
        all = 0;
    return all ? (double)part / (double)all : NAN;
}

static void put_shares(json_t *out, const struct trit_bench_row *row)
{
    for (size_t i = 0; i < NSHARES; i++)
        json_object_set_new(out, shares[i].name, real(share(row, i)));
}

static void put_samples(json_t *out, const struct trit_bench_row *row)
{
    json_t *samples_ns = json_array(), *samples_ts = json_array();
    json_t *samples_read = json_array(), *samples_int8 = json_array();
    for (size_t i = 0; i < row->n; i++) {
        const struct trit_bench_sample *s = &row->samples[i];
        json_array_append_new(samples_ns, json_integer((json_int_t)(s->seconds * 1e9)));
        json_array_append_new(samples_ts, real(trit_bench_tokens(row) / s->seconds));
        json_array_append_new(samples_read, real(s->read_gbs));
        json_array_append_new(samples_int8, real(s->int8_gmacs));
    }
    json_object_set_new(out, "samples_ns", samples_ns);
    json_object_set_new(out, "samples_ts", samples_ts);
    json_object_set_new(out, "samples_limit_read_gbs", samples_read);
    json_object_set_new(out, "samples_limit_int8_gmacs", samples_int8);
}

/* Everything that is known of a row; lists and objects only where the format has them. */
static json_t *row_json(const struct trit_bench_report *r, const struct trit_bench_row *row,
                        bool nested)
{
    json_t *out = json_object();
    put_subject(out, r->subject);
    put_test(out, r->subject, row);
    put_costs(out, r->subject, row);
    put_shares(out, row);
    if (nested)
        put_samples(out, row);
    if (nested && row->profile.repetitions)
        json_object_set_new(out, "ops", trit_bench_profile_json(row));
    return out;
}

static void md_begin(const struct trit_bench_report *r)
{
    static const char *const dashes =
        "------------------------------------------------------------";
    int type = (int)strlen(r->subject->type);
    type = type < 60 ? type : 60;
    printf("| %-*s |    size |  params | backend | threads |", type, "model");
    printf("%s test                 | t/s, median ± spread |    GB/s or GMAC/s | of limit |"
           " MB/token |\n",
           r->subject->many_chunks ? " n_batch |" : "");
    printf("| %.*s | ------: | ------: | ------- | ------: |", type, dashes);
    printf("%s -------------------- | -------------------: | ----------------: | -------: |"
           " -------: |\n",
           r->subject->many_chunks ? " ------: |" : "");
}

static enum trit_code md_row(struct trit_bench_report *r, const struct trit_bench_row *row,
                             struct trit_error *error)
{
    const struct trit_bench_subject *s = r->subject;
    const struct trit_bench_figures *f = &row->figures;
    char test[48], size[16], speed[48], params[16];
    struct trit_bench_row *all = realloc(r->all, (r->nrows + 1) * sizeof *all);
    if (!all)
        return trit_fail(error, TRIT_EMEMORY, "no memory for the figures");
    r->all = all;
    all[r->nrows] = *row;
    snprintf(params, sizeof params, "%.2f %s",
             (double)s->cost->params / (s->cost->params < 1e9 ? 1e6 : 1e9),
             s->cost->params < 1e9 ? "M" : "B");
    printf("| %s | %7s | %7s | CPU     | %7d |", s->type,
           trit_bytes_text((double)s->cost->file_bytes, size), params, row->threads);
    if (s->many_chunks)
        printf(" %7d |", row->chunk);
    /* the sign is two bytes and one column */
    snprintf(speed, sizeof speed, "%.2f ± %.2f", f->median_ts, f->spread_ts);
    printf(" %-20s | %21s | %10.1f %s | %6.1f %% | %8.1f |\n", trit_bench_test(row, test), speed,
           f->by_bytes ? f->gbs : f->gmacs, f->by_bytes ? "GB/s  " : "GMAC/s",
           100 * (f->by_bytes ? f->read_ratio : f->int8_ratio), f->bytes_per_token * 1e-6);
    return TRIT_OK;
}

static void md_drafts(const struct trit_bench_row *row)
{
    const struct trit_decoded *d = &row->drafts;
    const double passes = (double)row->counts.passes;
    char test[48];
    if (d->passes)
        printf("%s, %d thread%s: %zu of %zu drafted tokens accepted, %.2f tokens per pass, %.1f MB "
               "per pass and its drafts\n",
               trit_bench_test(row, test), row->threads, row->threads == 1 ? "" : "s", d->right,
               d->guessed, trit_bench_tokens(row) / passes,
               row->figures.bytes_per_token * trit_bench_tokens(row) / passes * 1e-6);
}

/* The shares that were counted, of tests that generate. */
static void md_shares(const struct trit_bench_row *row)
{
    size_t shown = 0;
    char test[48];
    md_drafts(row);
    for (size_t i = 0; i < NSHARES && row->n_gen; i++) {
        if (isnan(share(row, i)))
            continue;
        if (!shown++)
            printf("%s, %d thread%s: ", trit_bench_test(row, test), row->threads,
                   row->threads == 1 ? "" : "s");
        printf("%s%s %.3g %%", shown > 1 ? ", " : "", shares[i].text, 100 * share(row, i));
    }
    if (shown)
        putchar('\n');
}

/* The limits as they were around the last test of each thread count. */
static void md_limits(const struct trit_bench_report *r)
{
    char note[TRIT_QUOTA_NOTE];
    for (size_t i = 0; i < r->nrows; i++) {
        const struct trit_bench_row *row = &r->all[i];
        if (i + 1 < r->nrows && row[1].threads == row->threads)
            continue;
        printf("limits:  %.1f GB/s read, %.1f GMAC/s int8 with %d thread%s, measured in between\n",
               row->figures.limit_read_gbs, row->figures.limit_int8_gmacs, row->threads,
               row->threads == 1 ? "" : "s");
        if (trit_cpu_quota_note(trit_cpu_get(), row->threads, note))
            printf("quota:   %s\n", note);
    }
}

/* Where the memory of the last test went. */
static void md_memory(const struct trit_bench_row *row)
{
    const struct trit_model_memory *m = &row->memory;
    const struct {
        const char *what;
        size_t bytes;
    } parts[] = { { "weights", m->weights },     { "head", m->head },
                  { "KV cache", m->kv },         { "states", m->states },
                  { "working memory", m->work }, { "model file", m->file } };
    char text[16];
    printf("memory:  %s resident at most:", trit_bytes_text((double)row->peak_resident, text));
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (parts[i].bytes)
            printf("%s %s %s", i ? "," : "", parts[i].what,
                   trit_bytes_text((double)parts[i].bytes, text));
    printf("; loaded in %.2f s\n", row->load_seconds);
}

static void md_end(const struct trit_bench_report *r)
{
    if (!r->nrows)
        return;
    const struct trit_bench_row *last = &r->all[r->nrows - 1];
    char when[32], doubt[256];
    date(last->when, when, sizeof when);
    for (size_t i = 0; i < r->nrows; i++)
        if (r->all[i].profile.repetitions)
            trit_bench_profile_show(&r->all[i]);
    putchar('\n');
    for (size_t i = 0; i < r->nrows; i++)
        md_shares(&r->all[i]);
    printf("build:   tritmill %s (%s), %s\n", trit_version(), trit_commit(), TRIT_COMPILER);
    printf("cpu:     %s, %s\n", trit_cpu_get()->brand, r->subject->isa);
    printf("kernels: %s\n", r->subject->kernels);
    printf("profile: %s\n", r->subject->profile);
    printf("cache:   %s\n", r->subject->cache);
    md_limits(r);
    for (size_t i = 0; i < r->nrows; i++)
        if (trit_bench_doubt(&r->all[i], doubt, sizeof doubt))
            printf("note:    %s\n", doubt);
    md_memory(last);
    printf("date:    %s\n", when);
}

/* A line for the test, and one for each of its operations where they were traced. */
static enum trit_code csv_row(struct trit_bench_report *r, const struct trit_bench_row *row,
                              struct trit_error *error)
{
    json_t *json = row_json(r, row, false);
    if (!json)
        return trit_fail(error, TRIT_EMEMORY, "no memory for the figures");
    if (!row->profile.repetitions)
        trit_csv_line(json, !r->nrows);
    for (size_t i = 0; row->profile.repetitions && trit_bench_profile_line(row, i, json); i++)
        trit_csv_line(json, !r->nrows && i == 0);
    json_decref(json);
    return TRIT_OK;
}

static enum trit_code jsonl_row(struct trit_bench_report *r, const struct trit_bench_row *row,
                                struct trit_error *error)
{
    json_t *json = row_json(r, row, true);
    if (!json)
        return trit_fail(error, TRIT_EMEMORY, "no memory for the figures");
    json_dumpf(json, stdout, JSON_REAL_PRECISION(12));
    putchar('\n');
    json_decref(json);
    return TRIT_OK;
}

static enum trit_code json_row(struct trit_bench_report *r, const struct trit_bench_row *row,
                               struct trit_error *error)
{
    if (!r->rows || json_array_append_new(r->rows, row_json(r, row, true)))
        return trit_fail(error, TRIT_EMEMORY, "no memory for the figures");
    return TRIT_OK;
}

static const struct {
    void (*begin)(const struct trit_bench_report *);
    enum trit_code (*row)(struct trit_bench_report *, const struct trit_bench_row *,
                          struct trit_error *);
    void (*end)(const struct trit_bench_report *);
} formats[] = {
    [TRIT_BENCH_MD] = { md_begin, md_row, md_end },
    [TRIT_BENCH_JSON] = { NULL, json_row, NULL },
    [TRIT_BENCH_CSV] = { NULL, csv_row, NULL },
    [TRIT_BENCH_JSONL] = { NULL, jsonl_row, NULL },
};

void trit_bench_begin(struct trit_bench_report *r)
{
    if (r->output == TRIT_BENCH_JSON)
        r->rows = json_array();
    if (formats[r->output].begin)
        formats[r->output].begin(r);
}

enum trit_code trit_bench_row(struct trit_bench_report *r, const struct trit_bench_row *row,
                              struct trit_error *error)
{
    enum trit_code code = formats[r->output].row(r, row, error);
    r->nrows += !code;
    trit_cli_flush();
    return code;
}

enum trit_code trit_bench_end(struct trit_bench_report *r, struct trit_error *error)
{
    if (formats[r->output].end)
        formats[r->output].end(r);
    if (r->output != TRIT_BENCH_JSON)
        return TRIT_OK;
    json_t *rows = r->rows;
    r->rows = NULL;
    return trit_json_print(rows, error);
}

void trit_bench_free(struct trit_bench_report *r)
{
    free(r->all);
    json_decref(r->rows);
}
