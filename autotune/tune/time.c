/* How long tuning takes: the budget, its shares, and the line that tells what is left of it. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "autotune/tune/internal.h"
#include "runtime/base/clock.h"

static const double show_every = 0.1;
static const double grace = 0.5; /* seconds beyond a tenth of the budget, before all is stopped */

void trit_tune_doing(struct trit_tune *tune, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(tune->doing, sizeof tune->doing, format, args);
    va_end(args);
    trit_tune_stop(tune);
}

double trit_tune_left(const struct trit_tune *tune)
{
    const double left = tune->started + tune->budget - trit_now();
    return left > 0 ? left : 0;
}

/* Half of the time is shared evenly, half by work: a wrong choice for a large matrix costs more. */
static double share_of(const struct trit_tune *tune, const struct trit_tune_cell *cell)
{
    double work = 0, own = 0;
    for (size_t i = 0; i < tune->ncells; i++) {
        const struct trit_tune_matrix *m = tune->cells[i].matrix;
        const double all = (double)m->count * (double)m->n * (double)m->k;
        work += all;
        own = &tune->cells[i] == cell ? all : own;
    }
    return 0.5 / (double)tune->ncells + 0.5 * own / work;
}

double trit_tune_allowance(const struct trit_tune *tune, const struct trit_tune_cell *cell)
{
    double shares = 0;
    for (size_t i = 0; i < tune->ncells; i++)
        if (!tune->cells[i].done && !tune->cells[i].kept)
            shares += share_of(tune, &tune->cells[i]);
    return shares > 0 ? trit_tune_left(tune) * share_of(tune, cell) / shares : 0;
}

/* Seconds until all is done: cells that did not need what they were allowed make the others
   expected to do the same. */
static double remaining(const struct trit_tune *tune, double now)
{
    const double left = trit_tune_left(tune);
    if (tune->cell_started <= 0)
        return left;
    const double own = tune->cell_allowed - (now - tune->cell_started);
    const double others = left > tune->cell_allowed ? left - (own > 0 ? own : 0) : 0;
    const double expected = tune->pace * ((own > 0 ? own : 0) + others);
    return expected < left ? expected : left;
}

void trit_tune_clear(struct trit_tune *tune)
{
    if (tune->shown > 0)
        fputs("\r\033[K", stderr);
    tune->shown = 0;
}

bool trit_tune_stop(void *arg)
{
    struct trit_tune *tune = arg;
    const double now = trit_now();
    if (!tune->quiet && now - tune->shown >= show_every) {
        fprintf(stderr, "\rtune  %s  %.0f s left\033[K", tune->doing, remaining(tune, now));
        fflush(stderr);
        tune->shown = now;
    }
    return trit_stopped() || now > tune->started + 1.1 * tune->budget + grace;
}

bool trit_tune_building(void *arg, uint64_t done, uint64_t total)
{
    struct trit_tune *tune = arg;
    trit_tune_doing(tune, "compiling %llu of %llu kernels", (unsigned long long)done,
                    (unsigned long long)total);
    return !trit_stopped();
}
