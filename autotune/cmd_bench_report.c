/* The rows of `tritmill bench` as a table, CSV or JSON, with llama-bench's columns and names, and
 * ours after them. */
#include "autotune/cmd_bench.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/cpu.h"

#ifndef TRIT_COMPILER
#define TRIT_COMPILER "unknown"
#endif

/* What is computed from a row's repetitions. */
struct figures {
    double avg_ns, stddev_ns, avg_ts, stddev_ts; /* per test, tokens per second */
    double median_ts;         /* what the figures below are of, since the limits are medians too */
    double gbs, gmacs, ratio; /* ratio: of the limit that binds this kind of test */
};

static double tokens(const struct trit_bench_row *row)
{
    return (double)(row->n_prompt + row->n_gen);
}

static void mean_and_deviation(const double *x, size_t n, double *mean, double *deviation)
{
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    *mean = sum / (double)n;
    for (size_t i = 0; i < n; i++)
        squares += (x[i] - *mean) * (x[i] - *mean);
    *deviation = n > 1 ? sqrt(squares / (double)(n - 1)) : 0;
}

/* Without sorting: the values that have as many below as above. */
static double median(const double *x, size_t n)
{
    double low = -INFINITY, high = INFINITY;
    for (size_t i = 0; i < n; i++) {
        size_t below = 0, equal = 0;
        for (size_t j = 0; j < n; j++) {
            below += x[j] < x[i];
            equal += x[j] == x[i];
        }
        if (below <= (n - 1) / 2 && below + equal > (n - 1) / 2)
            low = x[i];
        if (below <= n / 2 && below + equal > n / 2)
            high = x[i];
    }
    return (low + high) / 2;
}

/* Tokens per second of every repetition, malloc'd; NULL: no memory. */
static double *speeds(const struct trit_bench_row *row)
{
    double *ts = malloc(row->n * sizeof *ts);
    for (size_t i = 0; i < row->n && ts; i++)
        ts[i] = tokens(row) / row->seconds[i];
    return ts;
}

static bool compute(const struct trit_bench_row *row, const double *ts, struct figures *f)
{
    if (!ts)
        return false;
    double mean, deviation;
    mean_and_deviation(row->seconds, row->n, &mean, &deviation);
    f->avg_ns = mean * 1e9;
    f->stddev_ns = deviation * 1e9;
    mean_and_deviation(ts, row->n, &f->avg_ts, &f->stddev_ts);
    f->median_ts = median(ts, row->n);
    f->gbs = row->bytes_per_token * f->median_ts * 1e-9;
    f->gmacs = row->macs_per_token * f->median_ts * 1e-9;
    f->ratio = row->n_gen ? f->gbs / row->limit_read_gbs : f->gmacs / row->limit_int8_gmacs;
    return true;
}

char *trit_bench_test(const struct trit_bench_row *row, char *out)
{
    int n = row->n_gen ? snprintf(out, 32, "tg%d", row->n_gen)
                       : snprintf(out, 32, "pp%d", row->n_prompt);
    if (row->n_depth)
        snprintf(out + n, 32 - (size_t)n, " @ d%d", row->n_depth);
    return out;
}

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

static void put_test(json_t *out, const struct trit_bench_row *row, const struct figures *f)
{
    char when[32];
    date(row->when, when, sizeof when);
    put_whole(out, "n_batch", row->chunk);
    put_whole(out, "n_ubatch", row->chunk);
    put_whole(out, "n_threads", row->threads);
    put_text(out, "type_k", "f16");
    put_text(out, "type_v", "f16");
    put_whole(out, "n_prompt", row->n_prompt);
    put_whole(out, "n_gen", row->n_gen);
    put_whole(out, "n_depth", row->n_depth);
    put_text(out, "test_time", when);
    put_whole(out, "avg_ns", f->avg_ns);
    put_whole(out, "stddev_ns", f->stddev_ns);
    json_object_set_new(out, "avg_ts", real(f->avg_ts));
    json_object_set_new(out, "median_ts", real(f->median_ts));
    json_object_set_new(out, "stddev_ts", real(f->stddev_ts));
}

static void put_costs(json_t *out, const struct trit_bench_subject *s,
                      const struct trit_bench_row *row, const struct figures *f)
{
    put_whole(out, "bytes_per_token", row->bytes_per_token);
    json_object_set_new(out, "gbs", real(f->gbs));
    json_object_set_new(out, "gmacs", real(f->gmacs));
    json_object_set_new(out, "limit_read_gbs", real(row->limit_read_gbs));
    json_object_set_new(out, "limit_int8_gmacs", real(row->limit_int8_gmacs));
    json_object_set_new(out, "limit_ratio", real(f->ratio));
    put_whole(out, "peak_resident_bytes", (double)row->peak_resident);
    json_object_set_new(out, "load_seconds", real(row->load_seconds));
    put_text(out, "isa", s->isa);
    put_text(out, "kernels", s->kernels);
    put_text(out, "profile", s->profile);
}

static void put_samples(json_t *out, const struct trit_bench_row *row, const double *ts)
{
    json_t *samples_ns = json_array(), *samples_ts = json_array();
    for (size_t i = 0; i < row->n; i++) {
        json_array_append_new(samples_ns, json_integer((json_int_t)(row->seconds[i] * 1e9)));
        json_array_append_new(samples_ts, real(ts[i]));
    }
    json_object_set_new(out, "samples_ns", samples_ns);
    json_object_set_new(out, "samples_ts", samples_ts);
}

/* Everything that is known of a row; samples only where the format has lists. */
static json_t *row_json(const struct trit_bench_report *r, const struct trit_bench_row *row,
                        bool samples)
{
    struct figures f;
    double *ts = speeds(row);
    json_t *out = json_object();
    if (compute(row, ts, &f)) {
        put_subject(out, r->subject);
        put_test(out, row, &f);
        put_costs(out, r->subject, row, &f);
        if (samples)
            put_samples(out, row, ts);
    }
    free(ts);
    return out;
}

static void md_begin(const struct trit_bench_report *r)
{
    static const char *const dashes =
        "------------------------------------------------------------";
    int type = (int)strlen(r->subject->type);
    type = type < 60 ? type : 60;
    printf("| %-*s |    size |  params | backend | threads |", type, "model");
    printf("%s test             |                  t/s |    GB/s or GMAC/s | of limit |\n",
           r->subject->many_chunks ? " n_batch |" : "");
    printf("| %.*s | ------: | ------: | ------- | ------: |", type, dashes);
    printf("%s ---------------- | -------------------: | ----------------: | -------: |\n",
           r->subject->many_chunks ? " ------: |" : "");
}

static enum trit_code md_row(struct trit_bench_report *r, const struct trit_bench_row *row,
                             struct trit_error *error)
{
    const struct trit_bench_subject *s = r->subject;
    struct figures f;
    double *ts = speeds(row);
    bool fine = compute(row, ts, &f);
    free(ts);
    if (!fine)
        return trit_fail(error, TRIT_EMEMORY, "no memory for the figures");
    char test[32], size[16], speed[48], params[16];
    snprintf(params, sizeof params, "%.2f %s",
             (double)s->cost->params / (s->cost->params < 1e9 ? 1e6 : 1e9),
             s->cost->params < 1e9 ? "M" : "B");
    printf("| %s | %7s | %7s | CPU     | %7d |", s->type,
           trit_bytes_text((double)s->cost->file_bytes, size), params, row->threads);
    if (s->many_chunks)
        printf(" %7d |", row->chunk);
    /* the sign is two bytes and one column */
    snprintf(speed, sizeof speed, "%.2f ± %.2f", f.avg_ts, f.stddev_ts);
    printf(" %-16s | %21s | %10.1f %s | %6.1f %% |\n", trit_bench_test(row, test), speed,
           row->n_gen ? f.gbs : f.gmacs, row->n_gen ? "GB/s  " : "GMAC/s", 100 * f.ratio);
    return TRIT_OK;
}

static void md_limits(const struct trit_bench_row *row)
{
    printf("limits:  %.1f GB/s read, %.1f GMAC/s int8 with %d thread%s, measured in between\n",
           row->limit_read_gbs, row->limit_int8_gmacs, row->threads, row->threads == 1 ? "" : "s");
}

static void md_end(const struct trit_bench_report *r)
{
    if (!r->nlast)
        return;
    const struct trit_bench_row *last = &r->last[r->nlast - 1];
    char when[32], peak[16];
    date(last->when, when, sizeof when);
    printf("\nbuild:   tritmill %s (%s), %s\n", trit_version(), trit_commit(), TRIT_COMPILER);
    printf("cpu:     %s, %s\n", trit_cpu_get()->brand, r->subject->isa);
    printf("kernels: %s\n", r->subject->kernels);
    printf("profile: %s\n", r->subject->profile);
    for (size_t i = 0; i < r->nlast; i++)
        md_limits(&r->last[i]);
    printf("memory:  %s resident at most; loaded in %.2f s\n",
           trit_bytes_text((double)last->peak_resident, peak), last->load_seconds);
    printf("date:    %s\n", when);
}

/* One CSV value: strings as they are, numbers as in JSON; quoted, quotes doubled. */
static void csv_value(const json_t *value)
{
    char *dumped =
        json_is_string(value) ? NULL : json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(12));
    const char *text = json_is_string(value) ? json_string_value(value) : dumped ? dumped : "";
    putchar('"');
    for (; *text; text++)
        printf("%s%c", *text == '"' ? "\"" : "", *text);
    putchar('"');
    free(dumped);
}

static enum trit_code csv_row(struct trit_bench_report *r, const struct trit_bench_row *row,
                              struct trit_error *error)
{
    json_t *json = row_json(r, row, false);
    const char *key;
    json_t *value;
    if (!json)
        return trit_fail(error, TRIT_EMEMORY, "no memory for the figures");
    size_t n = json_object_size(json), i = 0;
    if (!r->nrows)
        json_object_foreach(json, key, value) printf("%s%s", key, ++i < n ? "," : "\n");
    i = 0;
    json_object_foreach(json, key, value)
    {
        csv_value(value);
        putchar(++i < n ? ',' : '\n');
    }
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
    if (!r->nlast || r->last[r->nlast - 1].threads != row->threads)
        r->nlast += r->nlast < TRIT_LIST_MAX;
    r->last[r->nlast - 1] = *row;
    trit_cli_flush();
    return code;
}

enum trit_code trit_bench_end(struct trit_bench_report *r, struct trit_error *error)
{
    if (formats[r->output].end)
        formats[r->output].end(r);
    return r->output == TRIT_BENCH_JSON ? trit_json_print(r->rows, error) : TRIT_OK;
}
