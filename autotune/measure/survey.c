/* Which working sets tell the levels of memory apart, and the turns in which all limits are
   sampled. */
#include "autotune/measure/survey.h"

#include <string.h>

static const double dram_seconds = 0.025, other_seconds = 0.010;

/* A core's L1d and L2 are its own, an L3 is shared by all that reach it. L2 and L3 are read beyond
   the level before: caches that replace the least recently used line give a loop no hits that does
   not fit. Where L3's share is small, it holds mostly what L2 does not: both are filled then. */
size_t trit_survey_bytes(const struct trit_cpu *cpu, int level, int threads)
{
    size_t n = (size_t)threads, cores = cpu->cores > 0 ? (size_t)cpu->cores : 1;
    size_t siblings = (n + cores - 1) / cores;
    size_t l1d = cpu->l1d / siblings, l2 = cpu->l2 / siblings, share = cpu->l3_all / n;
    share = share < cpu->l3 ? share : cpu->l3;
    size_t l3 = share / 4 >= 2 * l2 ? share / 4 : share > 0 ? l2 + share / 2 : 0;
    const size_t want[] = { l1d / 2, l2 / 2, l3 }, before[] = { 0, cpu->l1d, cpu->l2 };
    return want[level - 1] > before[level - 1] ? want[level - 1] / 1024 * 1024 : 0;
}

static void add_levels(struct trit_survey *s, struct trit_sampler *sampler)
{
    static const char *const names[] = { "L1d", "L2", "L3", "DRAM" };
    for (int level = 1; level <= TRIT_SURVEY_LEVELS; level++) {
        size_t bytes = level < TRIT_SURVEY_LEVELS
                           ? trit_survey_bytes(trit_cpu_get(), level, s->threads)
                           : trit_sampler_slice(sampler);
        if (!bytes)
            continue;
        struct trit_survey_row *row = &s->read[s->nreads++];
        row->what = names[level - 1];
        row->bytes = bytes;
        row->kernel = trit_sampler_fastest(sampler, TRIT_OP_read, TRIT_NISA, bytes);
    }
}

static void add_isas(struct trit_survey *s, struct trit_sampler *sampler)
{
    for (unsigned i = 0; i < TRIT_NISA; i++) {
        struct trit_survey_row *row = &s->peak[s->npeaks];
        row->what = trit_isa_name((enum trit_isa)i);
        row->kernel = trit_sampler_fastest(sampler, TRIT_OP_peak, (enum trit_isa)i, 0);
        s->npeaks += row->kernel != NULL;
    }
}

static void sample(struct trit_sampler *sampler, struct trit_survey_row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        double seconds = strcmp(rows[i].what, "DRAM") ? other_seconds : dram_seconds;
        double rate = trit_sampler_run(sampler, rows[i].kernel, rows[i].bytes, seconds);
        trit_series_add(&rows[i].series, rate);
    }
}

enum trit_code trit_survey(struct trit_survey *survey, struct trit_pool *pool, size_t rounds,
                           trit_survey_progress_fn *progress, void *arg, struct trit_error *error)
{
    struct trit_sampler *sampler;
    memset(survey, 0, sizeof *survey);
    survey->threads = trit_pool_threads(pool);
    enum trit_code code = trit_sampler_open(&sampler, pool, error);
    if (code)
        return code;
    add_levels(survey, sampler);
    add_isas(survey, sampler);
    if (!survey->read[0].kernel || !survey->npeaks)
        code =
            trit_fail(error, TRIT_EUNSUPPORTED, "no read and peak kernels that this CPU can run");
    for (size_t i = 0; i < rounds && !code; i++) {
        if (progress && !progress(arg, i, rounds)) {
            code = trit_fail(error, TRIT_ESTOPPED, "stopped");
            break;
        }
        sample(sampler, survey->read, survey->nreads);
        sample(sampler, survey->peak, survey->npeaks);
    }
    trit_sampler_close(sampler);
    return code;
}
