/* What a comparison of variants shows: columns, facts, notes, and in which output. */
#include <math.h>
#include <string.h>

#include "autotune/compare/internal.h"
#include "runtime/cli/cli.h"

#define AT(member) offsetof(struct trit_compare_row, member)
static const struct trit_column columns[] = {
    { "name", "kernel", TRIT_CELL_TEXT, AT(name), 0, 0, NULL, "its declaration" },
    { "packing", NULL, TRIT_CELL_TEXT, AT(packing), 0, 0, NULL, NULL },
    { "isa", NULL, TRIT_CELL_TEXT, AT(isa), 0, 0, NULL, NULL },
    { "median_ns", "time, us", TRIT_CELL_NUMBER, AT(median_ns), 1e-3, -4, NULL,
      "median of one product of the whole matrix, weights cold" },
    { "low_ns", "from", TRIT_CELL_NUMBER, AT(low_ns), 1e-3, -4, NULL,
      "95 % confidence interval of the median" },
    { "high_ns", "to", TRIT_CELL_NUMBER, AT(high_ns), 1e-3, -4, NULL,
      "95 % confidence interval of the median" },
    { "spread_ns", NULL, TRIT_CELL_NUMBER, AT(spread_ns), 1e-3, 1, NULL, NULL },
    { "samples", NULL, TRIT_CELL_COUNT, AT(samples), 0, 0, NULL, NULL },
    { "vs_best", "/ best", TRIT_CELL_NUMBER, AT(vs_best), 0, 2, NULL,
      "its time over that of the fastest" },
    { "vs_reference", "x ref", TRIT_CELL_NUMBER, AT(vs_reference), 0, 2, NULL,
      "how many times as fast as the portable C kernel" },
    { "gbs", "GB/s", TRIT_CELL_NUMBER, AT(gbs), 0, 1, NULL,
      "10^9 bytes of weights and scales read per second" },
    { "gmacs", "GMAC/s", TRIT_CELL_NUMBER, AT(gmacs), 0, 1, NULL, "10^9 multiply-adds per second" },
    { "limit_share", "of limit", TRIT_CELL_NUMBER, AT(limit_share), 100, 1, " %",
      "share of the limit that binds, read bandwidth or int8 peak" },
    { "limit", "which", TRIT_CELL_TEXT, AT(limit), 0, 0, NULL, "the limit that binds" },
    { "bound_ns", NULL, TRIT_CELL_NUMBER, AT(bound_ns), 1e-3, 1, NULL, NULL },
    { "bytes_per_weight", "B/weight", TRIT_CELL_NUMBER, AT(bytes_per_weight), 0, 4, NULL,
      "bytes in memory per weight, padding and scales counted" },
    { "macs_per_byte", NULL, TRIT_CELL_NUMBER, AT(intensity), 0, 2, NULL, NULL },
    { "code_bytes", "code, B", TRIT_CELL_COUNT, AT(code_bytes), 0, 0, NULL,
      "machine code of all its functions" },
    { "loop_instructions", NULL, TRIT_CELL_COUNT, AT(loop_instructions), 0, 0, NULL, NULL },
    { "instructions_per_64", "instr/64", TRIT_CELL_NUMBER, AT(instructions), 0, 2, NULL,
      "instructions of the inner loop per 64 weights and token" },
    { "mca_cycles_per_64", "mca/64", TRIT_CELL_NUMBER, AT(mca_cycles), 0, 2, NULL,
      "cycles per 64 weights and token as llvm-mca predicts" },
    { "ipc", "IPC", TRIT_CELL_NUMBER, AT(ipc), 0, 2, NULL, "instructions per cycle, counted" },
    { "verified", "verified", TRIT_CELL_FLAG, AT(verified), 0, 0, NULL,
      "gave the reference's bits on this shape" },
    { "why", NULL, TRIT_CELL_TEXT, AT(why), 0, 0, NULL, NULL },
};
enum { NCOLUMNS = sizeof columns / sizeof *columns };

static void put_facts(const struct trit_comparison *c, struct trit_table *t)
{
    const struct trit_limits_summary *l = &c->limits;
    trit_table_fact(t, "operation", NULL, NAN, "%s", c->m == 1 ? "gemv" : "gemm");
    trit_table_fact(t, "shape", "shape", NAN, "%zu x %zu, %zu token%s, %d thread%s", c->n, c->k,
                    c->m, c->m == 1 ? "" : "s", c->threads, c->threads == 1 ? "" : "s");
    trit_table_fact(t, "n", NULL, (double)c->n, "%s", "");
    trit_table_fact(t, "k", NULL, (double)c->k, "%s", "");
    trit_table_fact(t, "tokens", NULL, (double)c->m, "%s", "");
    trit_table_fact(t, "threads", NULL, (double)c->threads, "%s", "");
    trit_table_fact(t, "limits", "limits", NAN,
                    "%.1f ± %.1f GB/s read, %.0f ± %.0f GMAC/s int8, measured in between",
                    l->read_gbs, l->read_spread, l->peak_gmacs, l->peak_spread);
    trit_table_fact(t, "limit_read_gbs", NULL, l->read_gbs, "%s", "");
    trit_table_fact(t, "limit_int8_gmacs", NULL, l->peak_gmacs, "%s", "");
    trit_table_fact(t, "reference", "reference", NAN, "%s",
                    c->reference ? c->reference->name : "none");
    for (int i = 0; c->compilers && i < c->compilers->n; i++)
        trit_table_fact(t, c->compilers->suffix[i], c->compilers->suffix[i], NAN, "%s, %s",
                        c->compilers->name[i], c->compilers->version[i]);
    trit_table_machine(t);
}

static size_t count_slow(const struct trit_comparison *c)
{
    size_t n = 0;
    for (size_t i = 0; i < c->nrows; i++)
        n += c->rows[i].verified && isnan(c->rows[i].low_ns);
    return n;
}

static void put_notes(const struct trit_comparison *c, struct trit_table *t)
{
    trit_table_note(t, "Weights rotate over more than twice the last-level cache; variants take "
                       "turns; from..to is the 95 %% confidence interval of the median.");
    trit_table_note(
        t, "x ref: speed over the portable C kernel above, timed in the same run (the "
           "definition itself, runtime/kernel/ref.c, is written to be read, not to be fast).");
    if (count_slow(c) && !c->stopped)
        trit_table_note(t, "%zu variant%s too slow for six samples in --seconds %g: no interval.",
                        count_slow(c), count_slow(c) == 1 ? " is" : "s are", c->seconds);
    for (size_t i = 0; i < c->nrows; i++)
        if (c->rows[i].why)
            trit_table_note(t, "%s was not timed: %s.", c->rows[i].name, c->rows[i].why);
    if (c->mca_model)
        trit_table_note(t,
                        "mca/64: llvm-mca's model of %s%s; instr/64 and mca/64 count the inner "
                        "loop alone.",
                        c->mca_model,
                        strcmp(c->mca_model, "native") ? ", a relative of this CPU" : "");
    if (c->counters_why)
        trit_table_note(t, "IPC is left out: %s.", c->counters_why);
    if (c->code_why)
        trit_table_note(t, "Machine code, where it says n/a: %s.", c->code_why);
    if (c->stopped)
        trit_table_note(t, "Stopped early: fewer samples than planned.");
}

/* The columns, without those that nothing is known of: *kept holds them. */
static size_t known_columns(const struct trit_comparison *c, struct trit_column *kept)
{
    size_t n = 0;
    for (size_t i = 0; i < NCOLUMNS; i++)
        if ((columns[i].offset != AT(ipc) || !c->counters_why) &&
            (columns[i].offset != AT(mca_cycles) || c->mca_model))
            kept[n++] = columns[i];
    return n;
}

void trit_compare_table(const struct trit_comparison *c, struct trit_table *t)
{
    static struct trit_column kept[NCOLUMNS]; /* one table at a time is shown */
    *t = (struct trit_table){ .columns = kept,
                              .ncolumns = known_columns(c, kept),
                              .rows = c->rows,
                              .nrows = c->nrows,
                              .stride = sizeof *c->rows };
    snprintf(t->title, sizeof t->title, "Ternary kernels at %zu x %zu, %zu token%s, %d thread%s",
             c->n, c->k, c->m, c->m == 1 ? "" : "s", c->threads, c->threads == 1 ? "" : "s");
    put_facts(c, t);
    put_notes(c, t);
}

enum trit_code trit_compare_print(const struct trit_table *t, enum trit_compare_output output,
                                  void (*figures)(FILE *, const void *), const void *arg,
                                  struct trit_error *error)
{
    enum trit_code code = TRIT_OK;
    switch (output) {
    case TRIT_COMPARE_MD:
        trit_table_md(t);
        break;
    case TRIT_COMPARE_CSV:
        trit_table_csv(t);
        break;
    case TRIT_COMPARE_HTML:
        trit_table_html(t, stdout, figures, arg);
        break;
    case TRIT_COMPARE_JSON:
        code = trit_table_json(t, error);
    }
    return code;
}
