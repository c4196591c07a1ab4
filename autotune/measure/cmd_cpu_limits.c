/* The limits that `tritmill cpu --measure` found, as tables with a column per thread count and as
   JSON. */
#include "autotune/measure/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "autotune/measure/survey.h"
#include "runtime/cpu/cpu.h"

enum { COLUMNS = 4 };        /* of one table: 84 characters */
enum { FEW = 5, MANY = 11 }; /* samples of each limit, so that all takes seconds */

struct surveys {
    const struct trit_ints *threads;
    struct trit_survey *of; /* one for each thread count */
    int done;
};

static bool progress(void *arg, size_t done, size_t total)
{
    const struct surveys *s = arg;
    int threads = s->threads->v[s->done];
    if (isatty(2))
        fprintf(stderr, "\rmeasuring with %d thread%s: %zu of %zu rounds\033[K", threads,
                threads == 1 ? "" : "s", done, total);
    return !trit_stopped();
}

static enum trit_code survey_one(struct surveys *s, size_t rounds, struct trit_error *error)
{
    struct trit_pool *pool;
    enum trit_code code = trit_pool_create(&pool, s->threads->v[s->done], error);
    if (code)
        return code;
    code = trit_survey(&s->of[s->done], pool, rounds, progress, s, error);
    trit_pool_destroy(pool);
    s->done += code == TRIT_OK;
    return code;
}

/* s->of is freed by the caller, whatever is returned. */
static enum trit_code survey_all(struct surveys *s, const struct trit_ints *threads,
                                 struct trit_error *error)
{
    *s = (struct surveys){ .threads = threads, .of = calloc((size_t)threads->n, sizeof *s->of) };
    enum trit_code code = s->of ? TRIT_OK : trit_fail(error, TRIT_EMEMORY, "no memory");
    while (s->done < threads->n && !code)
        code = survey_one(s, threads->n <= 2 ? MANY : FEW, error);
    if (isatty(2))
        fputs("\r\033[K", stderr);
    return code;
}

static const struct trit_survey_row *find(const struct trit_survey_row *rows, size_t n,
                                          const char *what)
{
    for (size_t i = 0; i < n; i++)
        if (!strcmp(rows[i].what, what))
            return &rows[i];
    return NULL;
}

/* A thread's working set, in powers of two as caches are counted. */
static void print_bytes(size_t bytes)
{
    if (bytes >= 1 << 20)
        printf(" %.4g MiB", (double)bytes / (1 << 20));
    else
        printf(" %.4g KiB", (double)bytes / 1024);
}

/* A level's or ISA's line; what was not measured with some thread counts stays open there. */
static void print_row(const struct surveys *s, const char *what, bool read, int from, int to)
{
    printf("  %-11s", what);
    for (int i = from; i < to; i++) {
        const struct trit_survey *v = &s->of[i];
        const struct trit_survey_row *row =
            read ? find(v->read, v->nreads, what) : find(v->peak, v->npeaks, what);
        if (row)
            printf("  %8.1f +- %4.1f", trit_series_median(&row->series),
                   trit_series_spread(&row->series));
        else
            printf("  %8s        ", "n/a");
    }
    printf("\n");
}

static void print_head(const struct surveys *s, const char *what, int from, int to)
{
    printf("\n%-13s", what);
    for (int i = from; i < to; i++) {
        char column[24];
        int n = s->threads->v[i];
        snprintf(column, sizeof column, "%d thread%s", n, n == 1 ? "" : "s");
        printf("%18s", column);
    }
    printf("\n");
}

static void print_table(const struct surveys *s, int from, int to)
{
    static const char *const levels[] = { "L1d", "L2", "L3", "DRAM" };
    print_head(s, "read, GB/s", from, to);
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
        print_row(s, levels[i], true, from, to);
    print_head(s, "int8, GMAC/s", from, to);
    for (size_t i = 0; i < s->of->npeaks; i++)
        print_row(s, s->of->peak[i].what, false, from, to);
}

static void print_legend(const struct trit_survey *first)
{
    printf("\nmedians of %zu samples, taken in turns; +- half the interquartile range;\n"
           "int8: dot products, or the sequence that stands for them, on registers alone;\n"
           "read by %s thread, round and round:",
           trit_series_kept(&first->read->series), first->threads == 1 ? "one" : "each");
    for (size_t i = 0; i < first->nreads; i++) {
        printf("%s %s", i ? "," : "", first->read[i].what);
        print_bytes(first->read[i].bytes);
    }
    printf("\n");
}

/* Of the most threads that the quota is too small for. */
static void print_quota(const struct surveys *s)
{
    char note[TRIT_QUOTA_NOTE];
    int most = 0;
    for (int i = 0; i < s->done; i++)
        most = s->threads->v[i] > most ? s->threads->v[i] : most;
    if (trit_cpu_quota_note(trit_cpu_get(), most, note))
        printf("%s\n", note);
}

enum trit_code trit_cpu_print_limits(const struct trit_ints *threads, struct trit_error *error)
{
    struct surveys s;
    enum trit_code code = survey_all(&s, threads, error);
    for (int from = 0; from < s.done; from += COLUMNS)
        print_table(&s, from, from + COLUMNS < s.done ? from + COLUMNS : s.done);
    if (s.done)
        print_legend(s.of);
    print_quota(&s);
    free(s.of);
    return code;
}

static json_t *samples_json(const struct trit_series *series)
{
    json_t *list = json_array();
    for (size_t i = 0; i < trit_series_kept(series); i++)
        json_array_append_new(list, json_real(series->value[i]));
    return list;
}

/* unit: "gbs" or "gmacs"; key: "level" or "isa". */
static json_t *rows_json(const struct trit_survey_row *rows, size_t n, const char *key,
                         const char *unit)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        json_t *row = json_pack("{s:s, s:f, s:f, s:s, s:o}", key, rows[i].what, unit,
                                trit_series_median(&rows[i].series), "spread",
                                trit_series_spread(&rows[i].series), "kernel", rows[i].kernel->name,
                                "samples", samples_json(&rows[i].series));
        if (rows[i].bytes)
            json_object_set_new(row, "bytes_per_thread", json_integer((json_int_t)rows[i].bytes));
        json_array_append_new(list, row);
    }
    return list;
}

static const struct trit_survey_row *most(const struct trit_survey_row *rows, size_t n)
{
    const struct trit_survey_row *best = rows;
    for (size_t i = 1; i < n; i++)
        if (trit_series_median(&rows[i].series) > trit_series_median(&best->series))
            best = &rows[i];
    return best;
}

/* The two that other speeds are held against come first: DRAM, and the best of the ISAs. */
static json_t *survey_json(const struct trit_survey *s)
{
    const struct trit_series *dram = &s->read[s->nreads - 1].series;
    const struct trit_series *peak = &most(s->peak, s->npeaks)->series;
    return json_pack("{s:i, s:f, s:f, s:f, s:f, s:o, s:o}", "n_threads", s->threads,
                     "limit_read_gbs", trit_series_median(dram), "limit_read_gbs_spread",
                     trit_series_spread(dram), "limit_int8_gmacs", trit_series_median(peak),
                     "limit_int8_gmacs_spread", trit_series_spread(peak), "read",
                     rows_json(s->read, s->nreads, "level", "gbs"), "int8",
                     rows_json(s->peak, s->npeaks, "isa", "gmacs"));
}

enum trit_code trit_cpu_add_limits(json_t *root, const struct trit_ints *threads,
                                   struct trit_error *error)
{
    struct surveys s;
    enum trit_code code = survey_all(&s, threads, error);
    json_t *list = json_array();
    json_object_set_new(root, "limits", list);
    for (int i = 0; i < s.done; i++)
        json_array_append_new(list, survey_json(&s.of[i]));
    free(s.of);
    return code;
}
