/* The table at the end: each matrix, what it had, what it has now, and what that is worth. */
#include <stdio.h>
#include <string.h>

#include "autotune/tune/internal.h"

enum { PLAN_TEXT = 48 };

/* "t2 12x32 avx512vnni gcc own, 64 tokens, 128 rows": "own" was made for this shape. */
static const char *plan_text(const struct trit_contender *c, char text[PLAN_TEXT])
{
    if (!c->kernel)
        return strcpy(text, "none");
    const char *tail = strstr(c->kernel->name, "__"),
               *technique = tail ? strchr(tail + 2, '_') : NULL;
    int n = snprintf(text, PLAN_TEXT, "%s %dx%d %s%s%s%s", c->kernel->packing, c->kernel->mr,
                     c->kernel->nr, trit_isa_name(c->kernel->isa), technique ? " " : "",
                     technique ? technique + 1 : "", c->kernel->n ? " own" : "");
    if (c->mc && n < PLAN_TEXT)
        n += snprintf(text + n, PLAN_TEXT - (size_t)n, " mc%zu", c->mc);
    if (c->nc && n < PLAN_TEXT)
        snprintf(text + n, PLAN_TEXT - (size_t)n, " nc%zu", c->nc);
    return text;
}

/* Of read bandwidth in decode, of the int8 peak in prefill; 0 where it is not known. */
static double share_of(const struct trit_tune *tune, const struct trit_tune_cell *cell, int phase)
{
    const struct trit_contender *c = &cell->plan[1][phase];
    const struct trit_limits *limits = NULL;
    for (int i = 0; i < tune->threads.n; i++)
        if (tune->threads.v[i] == cell->threads)
            limits = tune->limits[i];
    if (!limits || c->timing.median_ns <= 0)
        return 0;
    const double tokens = tune->tokens.v[tune->tokens.n - 1];
    const double macs = tokens * (double)cell->matrix->n * (double)cell->matrix->k;
    const double limit =
        phase == TRIT_DECODE ? trit_limits_read_gbs(limits) : trit_limits_peak_gmacs(limits);
    const double speed = (phase == TRIT_DECODE ? c->bytes : macs) / c->timing.median_ns;
    return limit > 0 ? speed / limit : 0;
}

/* Microseconds, three digits and more. */
static const char *time_text(double ns, char text[16])
{
    const double us = ns / 1e3;
    snprintf(text, 16, "%.*f", us < 10 ? 2 : us < 100 ? 1 : 0, us);
    return text;
}

/* "+12 %", "" where there was nothing to gain on. */
static const char *gain_text(const struct trit_tune_cell *cell, int phase, char text[16])
{
    const double old = cell->plan[0][phase].timing.median_ns;
    const double new = cell->plan[1][phase].timing.median_ns;
    text[0] = '\0';
    if (cell->changed && old > 0 && new > 0)
        snprintf(text, 16, "%+.0f %%", 100 * (old / new - 1));
    return text;
}

static void print_phase(const struct trit_tune *tune, const struct trit_tune_cell *cell, int phase)
{
    char count[24] = "-", matrix[64] = "", threads[8] = "", old[PLAN_TEXT], new[PLAN_TEXT];
    char time[16], spread[16], share[16] = "", gain[16];
    const struct trit_contender *c = &cell->plan[1][phase];
    if (phase == 0) {
        if (cell->matrix->count > 0)
            snprintf(count, sizeof count, "%zu", cell->matrix->count);
        snprintf(matrix, sizeof matrix, "%s x %zu x %zu", count, cell->matrix->n, cell->matrix->k);
        snprintf(threads, sizeof threads, "%d", cell->threads);
    }
    if (share_of(tune, cell, phase) > 0)
        snprintf(share, sizeof share, "%.0f %%", 100 * share_of(tune, cell, phase));
    printf("%-8s  %-18s %7s  %-7s  %-35s  %-35s  %9s +- %-7s %7s %6s\n",
           phase == 0 ? cell->matrix->name : "", matrix, threads,
           trit_phase_name((enum trit_phase)phase), plan_text(&cell->plan[0][phase], old),
           cell->changed ? plan_text(c, new) : "the same", time_text(c->timing.median_ns, time),
           time_text(c->timing.spread_ns, spread), share, gain_text(cell, phase, gain));
}

/* All matrices of a pass together. */
static void print_pass(const struct trit_tune *tune, int threads)
{
    double total[2][TRIT_NPHASES] = { { 0 } };
    for (size_t i = 0; i < tune->ncells; i++) {
        const struct trit_tune_cell *cell = &tune->cells[i];
        if (cell->threads != threads)
            continue;
        if (!cell->done)
            return;
        for (int phase = 0; phase < TRIT_NPHASES; phase++)
            for (int j = 0; j < 2; j++)
                total[j][phase] +=
                    (double)cell->matrix->count * cell->plan[j][phase].timing.median_ns / 1e6;
    }
    printf("all, %d thread%s: decode %.2f -> %.2f ms per token, prefill %.1f -> %.1f ms per %d "
           "tokens\n",
           threads, threads == 1 ? "" : "s", total[0][0], total[1][0], total[0][1], total[1][1],
           tune->tokens.v[tune->tokens.n - 1]);
}

void trit_tune_report(const struct trit_tune *tune)
{
    size_t done = 0;
    for (size_t i = 0; i < tune->ncells; i++)
        done += tune->cells[i].done;
    if (done > 0)
        printf("%-8s  %-18s %7s  %-7s  %-35s  %-35s  %9s    %-7s %7s %6s\n", "matrix",
               "count x N x K", "threads", "phase", "old plan", "new plan", "us", "", "limit",
               "gain");
    for (size_t i = 0; i < tune->ncells; i++)
        for (int phase = 0; phase < TRIT_NPHASES && tune->cells[i].done; phase++)
            print_phase(tune, &tune->cells[i], phase);
    for (int i = 0; i < tune->threads.n && done > 0; i++)
        print_pass(tune, tune->threads.v[i]);
}
