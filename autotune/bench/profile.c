/* The parts of a pass side by side: time, what they read and multiply, what of the limits that is,
 * and how long threads stood. */
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "autotune/bench/internal.h"

static const struct {
    const char *kind;
    bool int8; /* its multiply-adds are int8's */
} kinds[TRIT_NPARTS] = {
    [TRIT_PART_EMBED] = { "embedding", false },     [TRIT_PART_ATTN_NORM] = { "attention", false },
    [TRIT_PART_QKV] = { "attention", true },        [TRIT_PART_ROPE] = { "attention", false },
    [TRIT_PART_ATTENTION] = { "attention", false }, [TRIT_PART_MERGE] = { "attention", false },
    [TRIT_PART_JOINT] = { "attention", true },      [TRIT_PART_GATES] = { "delta", false },
    [TRIT_PART_CONV] = { "delta", false },          [TRIT_PART_DELTA] = { "delta", false },
    [TRIT_PART_SUB_NORM] = { "attention", false },  [TRIT_PART_O] = { "attention", true },
    [TRIT_PART_FFN_NORM] = { "ffn", false },        [TRIT_PART_GATE_UP] = { "ffn", true },
    [TRIT_PART_FFN_SUB_NORM] = { "ffn", false },    [TRIT_PART_DOWN] = { "ffn", true },
    [TRIT_PART_DOWN_SUM] = { "ffn", false },        [TRIT_PART_RESIDUAL] = { "ffn", false },
    [TRIT_PART_OUTPUT_NORM] = { "head", false },    [TRIT_PART_HEAD_PLANE1] = { "head", true },
    [TRIT_PART_HEAD_PLANE2] = { "head", true },     [TRIT_PART_HEAD_EXACT] = { "head", false },
    [TRIT_PART_HEAD_FULL] = { "head", false },      [TRIT_PART_ROUTER] = { "ffn", false },
};

/* One part, per repetition. */
struct line {
    const char *name, *kind;
    double regions, pieces, seconds, share; /* share: of the whole */
    double bytes, macs, gbs, gmacs;         /* rates: while the part ran */
    double read_ratio, int8_ratio;          /* of the limits; 0: not held to it */
    double late, busy, wait, idle;          /* shares of the threads' time in it */
    double before;                          /* seconds */
};

static double share_of(uint64_t part, uint64_t all)
{
    return all ? (double)part / (double)all : 0;
}

static bool make_line(const struct trit_bench_row *row, enum trit_part part, struct line *line)
{
    const struct trit_bench_figures *f = &row->figures;
    const struct trit_bench_profile *p = &row->profile;
    const struct trit_part_time *t = &p->part[part];
    const double n = (double)p->repetitions, seconds = (double)t->wall * 1e-9 / n;
    const uint64_t threads = t->wall * (uint64_t)row->threads;
    const double bytes = (double)row->counts.bytes[part], macs = (double)row->counts.macs[part];
    *line = (struct line){ .name = trit_part_name(part),
                           .kind = kinds[part].kind,
                           .regions = (double)t->regions / n,
                           .pieces = (double)t->pieces / n,
                           .seconds = seconds,
                           .share = share_of(t->wall, p->wall),
                           .bytes = bytes,
                           .macs = macs,
                           .gbs = seconds > 0 ? bytes * 1e-9 / seconds : 0,
                           .gmacs = seconds > 0 ? macs * 1e-9 / seconds : 0,
                           .late = share_of(t->late, threads),
                           .busy = share_of(t->busy, threads),
                           .wait = share_of(t->wait, threads),
                           .idle = share_of(t->idle, threads),
                           .before = (double)t->before * 1e-9 / n };
    line->read_ratio = line->gbs / f->limit_read_gbs;
    const bool int8 = kinds[part].int8 && !row->counts.float_macs[part];
    line->int8_ratio = int8 ? line->gmacs / f->limit_int8_gmacs : 0;
    return t->regions > 0;
}

/* All regions in one. */
static void sum_parts(const struct trit_bench_row *row, struct trit_part_time *sum)
{
    *sum = (struct trit_part_time){ 0 };
    for (int i = 0; i < TRIT_NPARTS; i++) {
        const struct trit_part_time *t = &row->profile.part[i];
        sum->regions += t->regions;
        sum->wall += t->wall;
        sum->late += t->late;
        sum->busy += t->busy;
        sum->wait += t->wait;
        sum->idle += t->idle;
    }
}

static void show_rate(double rate, double ratio)
{
    if (rate < 0.05)
        printf(" %8s %6s |", "", "");
    else if (ratio > 0)
        printf(" %8.1f %4.0f %% |", rate, 100 * ratio);
    else
        printf(" %8.1f %6s |", rate, "");
}

static void show_line(const struct line *l, double tokens)
{
    printf("| %-9s | %-13s | %7.0f | %9.2f | %5.1f %% |", l->kind, l->name, l->regions,
           l->seconds * 1e6 / tokens, 100 * l->share);
    show_rate(l->gbs, l->read_ratio);
    show_rate(l->gmacs, l->int8_ratio);
    printf(" %4.0f | %4.0f | %4.0f | %4.0f |\n", 100 * l->busy, 100 * l->late, 100 * l->wait,
           100 * l->idle);
}

static void show_sums(const struct trit_bench_row *row)
{
    const struct trit_bench_profile *p = &row->profile;
    struct trit_part_time sum;
    sum_parts(row, &sum);
    const uint64_t threads = sum.wall * (uint64_t)row->threads;
    const double scale = 1e-3 / (double)p->repetitions / trit_bench_tokens(row);
    printf("between regions %.2f us a token (%.1f %%); in regions threads were busy %.1f %%, late "
           "%.1f %%, waited %.1f %%, had nothing to do %.1f %%\n",
           (double)(p->wall - sum.wall) * scale, 100 * share_of(p->wall - sum.wall, p->wall),
           100 * share_of(sum.busy, threads), 100 * share_of(sum.late, threads),
           100 * share_of(sum.wait, threads), 100 * share_of(sum.idle, threads));
    printf("all %.2f us a token; tracing cost %.2f %%\n", (double)p->wall * scale,
           100 * p->overhead);
}

void trit_bench_profile_show(const struct trit_bench_row *row)
{
    char name[48];
    printf("\n%s, %d thread%s:\n", trit_bench_test(row, name), row->threads,
           row->threads == 1 ? "" : "s");
    printf("| kind      | part          | regions |  us/token | of all  | GB/s, of read   | "
           "GMAC/s, of int8 | busy | late | wait | idle |\n"
           "| --------- | ------------- | ------: | --------: | ------: | --------------: | "
           "--------------: | ---: | ---: | ---: | ---: |\n");
    for (int i = 0; i < TRIT_NPARTS; i++) {
        struct line line;
        if (make_line(row, (enum trit_part)i, &line))
            show_line(&line, trit_bench_tokens(row));
    }
    show_sums(row);
}

/* The numbers of a line, by name. */
static const struct {
    const char *name;
    size_t offset;
} numbers[] = {
    { "regions", offsetof(struct line, regions) },
    { "pieces", offsetof(struct line, pieces) },
    { "seconds", offsetof(struct line, seconds) },
    { "share", offsetof(struct line, share) },
    { "bytes", offsetof(struct line, bytes) },
    { "macs", offsetof(struct line, macs) },
    { "gbs", offsetof(struct line, gbs) },
    { "gmacs", offsetof(struct line, gmacs) },
    { "read_ratio", offsetof(struct line, read_ratio) },
    { "int8_ratio", offsetof(struct line, int8_ratio) },
    { "late", offsetof(struct line, late) },
    { "busy", offsetof(struct line, busy) },
    { "wait", offsetof(struct line, wait) },
    { "idle", offsetof(struct line, idle) },
    { "before_seconds", offsetof(struct line, before) },
};

/* As fields of out, their names behind prefix; without a line they are empty. */
static void put_line(json_t *out, const char *prefix, const struct line *l)
{
    char name[32];
    snprintf(name, sizeof name, "%skind", prefix);
    json_object_set_new(out, name, json_string(l ? l->kind : ""));
    snprintf(name, sizeof name, "%spart", prefix);
    json_object_set_new(out, name, json_string(l ? l->name : ""));
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        double x = NAN;
        if (l)
            memcpy(&x, (const char *)l + numbers[i].offset, sizeof x);
        snprintf(name, sizeof name, "%s%s", prefix, numbers[i].name);
        json_object_set_new(out, name,
                            isfinite(x) ? json_real(x)
                            : l         ? json_null()
                                        : json_string(""));
    }
}

static json_t *line_json(const struct line *l)
{
    json_t *out = json_object();
    put_line(out, "", l);
    return out;
}

bool trit_bench_profile_line(const struct trit_bench_row *row, size_t i, json_t *out)
{
    struct line line;
    if (i == 0)
        put_line(out, "op_", NULL);
    for (int part = 0; i > 0 && part < TRIT_NPARTS; part++)
        if (make_line(row, (enum trit_part)part, &line) && --i == 0) {
            put_line(out, "op_", &line);
            return true;
        }
    return i == 0;
}

json_t *trit_bench_profile_json(const struct trit_bench_row *row)
{
    struct trit_part_time sum;
    sum_parts(row, &sum);
    const double scale = 1e-9 / (double)row->profile.repetitions;
    json_t *parts = json_array();
    for (int i = 0; i < TRIT_NPARTS; i++) {
        struct line line;
        if (make_line(row, (enum trit_part)i, &line))
            json_array_append_new(parts, line_json(&line));
    }
    return json_pack("{s:f, s:f, s:f, s:o}", "seconds", (double)row->profile.wall * scale,
                     "serial_seconds", (double)(row->profile.wall - sum.wall) * scale, "overhead",
                     isfinite(row->profile.overhead) ? row->profile.overhead : 0.0, "parts", parts);
}
