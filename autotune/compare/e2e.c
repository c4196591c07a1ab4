/* Two profiles through a whole model: both models are in memory and take turns, each round in the
   other order, so that what disturbs the machine disturbs both. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "autotune/compare/internal.h"
#include "runtime/base/clock.h"
#include "runtime/base/mem.h"
#include "runtime/base/room.h"
#include "runtime/cli/cli.h"
#include "runtime/cli/open.h"
#include "runtime/head/head.h"
#include "runtime/plan/profile.h"

enum { CHUNK = 512, SIDES = 2, TESTS = 2 /* prefill, decode */ };

/* One profile's model. */
struct side {
    const char *name;
    struct trit_profile *profile; /* NULL: none */
    char why[256];                /* what is to be said of it */
    struct trit_model *model;
    struct trit_session *session;
    XXH3_state_t *hash;    /* of the answers of a round */
    uint64_t logits;       /* of the first round, which asks for all */
    uint64_t likeliest;    /* of the second */
    double *speeds[TESTS]; /* tokens per second, one for each round */
};

struct work {
    const struct trit_e2e *e;
    struct trit_engine engine;
    struct side sides[SIDES];
    int32_t *tokens;
    float *logits;
    double *ratios; /* of a test, one for each round */
    struct trit_progress progress;
    bool equal; /* the answers of both sides, and of a side's timed rounds */
};

struct row {
    const char *test, *profile;
    double speed, low, high, ratio, ratio_low, ratio_high;
};

#define AT(member) offsetof(struct row, member)
static const struct trit_column columns[] = {
    { "test", "test", TRIT_CELL_TEXT, AT(test), 0, 0, NULL, "pp: prefill, tg: decode" },
    { "profile", "profile", TRIT_CELL_TEXT, AT(profile), 0, 0, NULL, NULL },
    { "tokens_per_second", "t/s", TRIT_CELL_NUMBER, AT(speed), 0, 2, NULL, "median of the rounds" },
    { "low", "from", TRIT_CELL_NUMBER, AT(low), 0, 2, NULL,
      "95 % confidence interval of the median" },
    { "high", "to", TRIT_CELL_NUMBER, AT(high), 0, 2, NULL,
      "95 % confidence interval of the median" },
    { "ratio", "x first", TRIT_CELL_NUMBER, AT(ratio), 0, 3, NULL,
      "speed over the first profile's, round by round, the median" },
    { "ratio_low", "from", TRIT_CELL_NUMBER, AT(ratio_low), 0, 3, NULL,
      "95 % confidence interval of the median" },
    { "ratio_high", "to", TRIT_CELL_NUMBER, AT(ratio_high), 0, 3, NULL,
      "95 % confidence interval of the median" },
};

static enum trit_code open_profile(struct side *s, struct trit_error *error)
{
    if (!strcmp(s->name, "none"))
        return TRIT_OK;
    enum trit_code code = trit_profile_read(&s->profile, s->name, error);
    if (code)
        return code;
    if (trit_profile_judge(s->profile, s->why, sizeof s->why) == TRIT_PROFILE_FOREIGN)
        return trit_fail(error, TRIT_EUNSUPPORTED, "%s: not for this machine: %s", s->name, s->why);
    return TRIT_OK;
}

static enum trit_code open_side(struct work *w, struct side *s, struct trit_error *error)
{
    const struct trit_e2e *e = w->e;
    size_t context = e->prompt + e->gen, chunk = e->prompt < CHUNK ? e->prompt : CHUNK;
    struct trit_load_options options = { .progress = trit_progress_step,
                                         .progress_arg = &w->progress,
                                         .profile = s->profile };
    trit_progress_begin(&w->progress, "loading");
    enum trit_code code =
        trit_model_load(&s->model, w->engine.gguf, w->engine.pool, &options, error);
    trit_progress_end(&w->progress);
    if (!code)
        code = trit_session_create(&s->session, s->model, context, chunk ? chunk : 1, error);
    s->hash = XXH3_createState();
    bool room = s->hash;
    for (int t = 0; t < TESTS; t++) {
        s->speeds[t] = trit_alloc(e->rounds, sizeof(double));
        room = room && s->speeds[t];
    }
    if (!code && !room)
        return trit_fail(error, TRIT_EMEMORY, "no memory for %zu rounds", e->rounds);
    return code;
}

static void close_side(struct side *s)
{
    trit_session_free(s->session);
    trit_model_free(s->model);
    trit_profile_free(s->profile);
    XXH3_freeState(s->hash);
    for (int t = 0; t < TESTS; t++)
        free(s->speeds[t]);
}

/* Both models stay loaded. */
static enum trit_code check_memory(const struct work *w, struct trit_error *error)
{
    const struct trit_e2e *e = w->e;
    const size_t context = e->prompt + e->gen;
    const struct trit_model_use use = { .sequences = 1,
                                        .context = context,
                                        .chunk = context < CHUNK ? context : CHUNK };
    const struct trit_outline_of of = { .gguf = w->engine.gguf };
    struct trit_model *outline;
    enum trit_code code =
        trit_model_outline(&outline, &of, trit_pool_threads(w->engine.pool), NULL, error);
    if (code)
        return code;
    const uint64_t one = trit_model_need(outline, &use, NULL);
    trit_model_free(outline);
    return trit_need_memory("compare --e2e: the model, twice,", trit_bytes_product(SIDES, one),
                            NULL, error);
}

/* Random tokens from a fixed seed, the same for both. */
static enum trit_code prepare(struct work *w, struct trit_error *error)
{
    const struct trit_e2e *e = w->e;
    size_t n = e->prompt + e->gen, vocab = w->engine.config.vocab;
    if (n > w->engine.config.context)
        return trit_fail(error, TRIT_EARGUMENT,
                         "compare --e2e: %zu tokens, but the model's context is %zu", n,
                         w->engine.config.context);
    w->tokens = trit_alloc(n, sizeof *w->tokens);
    w->logits = trit_alloc(vocab, sizeof *w->logits);
    w->ratios = trit_alloc(e->rounds, sizeof *w->ratios);
    if (!w->tokens || !w->logits || !w->ratios)
        return trit_fail(error, TRIT_EMEMORY, "no memory for %zu tokens", n);
    uint64_t state = 42;
    for (size_t i = 0; i < n; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        w->tokens[i] = (int32_t)((state >> 33) % vocab);
    }
    return TRIT_OK;
}

static void hash_logits(struct work *w, struct side *s)
{
    XXH3_64bits_update(s->hash, w->logits, w->engine.config.vocab * sizeof *w->logits);
}

/* The token after the i-th of those to generate: all its logits, or the likeliest. */
static enum trit_code step(struct work *w, struct side *s, size_t i, bool all,
                           struct trit_error *error)
{
    struct trit_candidate best = { 0 };
    struct trit_top top = { .k = 1, .best = &best };
    const struct trit_run run = { .session = s->session,
                                  .tokens = w->tokens + w->e->prompt + i,
                                  .count = 1,
                                  .logits = all ? w->logits : NULL,
                                  .top = all ? NULL : &top };
    if (trit_stopped())
        return trit_fail(error, TRIT_ESTOPPED, "stopped");
    enum trit_code code = trit_model_eval(trit_session_work(s->session), &run, 1, error);
    XXH3_64bits_update(s->hash, &best, sizeof best);
    return code;
}

/* One side's round: seconds of prefill and of decode; hashing of logits is not counted. */
static enum trit_code run_side(struct work *w, struct side *s, bool all, double seconds[TESTS],
                               struct trit_error *error)
{
    const struct trit_e2e *e = w->e;
    const struct trit_run prompt = { .session = s->session,
                                     .tokens = w->tokens,
                                     .count = e->prompt,
                                     .first = e->prompt ? e->prompt - 1 : 0,
                                     .logits = w->logits };
    trit_session_rewind(s->session, 0);
    XXH3_64bits_reset(s->hash);
    double begin = trit_now();
    enum trit_code code = trit_session_prefill(&prompt, error);
    seconds[0] = trit_now() - begin;
    if (e->prompt)
        hash_logits(w, s);
    seconds[1] = 0;
    for (size_t i = 0; i < e->gen && !code; i++) {
        begin = trit_now();
        code = step(w, s, i, all, error);
        seconds[1] += trit_now() - begin;
        if (all)
            hash_logits(w, s);
    }
    return code;
}

/* Round 0, which is not timed, says what the logits are; round 1, what the likeliest tokens. */
static void compare_answers(struct work *w, struct side *s, size_t round)
{
    const uint64_t hash = XXH3_64bits_digest(s->hash);
    s->logits = round == 0 ? hash : s->logits;
    s->likeliest = round == 1 ? hash : s->likeliest;
    const bool same = round == 0 ? s->logits == w->sides[0].logits : hash == s->likeliest;
    w->equal = w->equal && same;
}

static enum trit_code run_rounds(struct work *w, struct trit_error *error)
{
    const double tokens[TESTS] = { (double)w->e->prompt, (double)w->e->gen };
    size_t rounds = w->e->rounds + 1;
    enum trit_code code = TRIT_OK;
    trit_progress_begin(&w->progress, "running");
    for (size_t r = 0; r < rounds && !code; r++) {
        for (size_t i = 0; i < SIDES && !code; i++) {
            struct side *s = &w->sides[(i + (r > 0 ? r - 1 : 0)) % SIDES];
            double seconds[TESTS];
            code = run_side(w, s, r == 0, seconds, error);
            if (!code)
                compare_answers(w, s, r);
            for (int t = 0; t < TESTS && r > 0; t++)
                s->speeds[t][r - 1] = tokens[t] / seconds[t];
        }
        if (!code && !trit_progress_step(&w->progress, r + 1, rounds))
            code = trit_fail(error, TRIT_ESTOPPED, "stopped");
    }
    trit_progress_end(&w->progress);
    w->equal = w->equal && w->sides[0].likeliest == w->sides[1].likeliest;
    return code;
}

/* Both rows of a test; the ratios come first, since estimating sorts. */
static void make_rows(struct work *w, int test, const char *name, struct row *rows)
{
    size_t n = w->e->rounds;
    double *ratios = w->ratios;
    for (size_t r = 0; r < n; r++)
        ratios[r] = w->sides[1].speeds[test][r] / w->sides[0].speeds[test][r];
    struct trit_estimate ratio = trit_estimate_median(ratios, n);
    for (int i = 0; i < SIDES; i++) {
        struct trit_estimate speed = trit_estimate_median(w->sides[i].speeds[test], n);
        rows[i] = (struct row){ .test = name,
                                .profile = w->sides[i].name,
                                .speed = speed.median,
                                .low = speed.low,
                                .high = speed.high,
                                .ratio = i ? ratio.median : 1,
                                .ratio_low = i ? ratio.low : (double)NAN,
                                .ratio_high = i ? ratio.high : (double)NAN };
    }
}

static void describe(const struct work *w, struct trit_table *t)
{
    int threads = trit_pool_threads(w->engine.pool);
    trit_table_fact(t, "model", "model", NAN, "%s", w->engine.path);
    trit_table_fact(t, "threads", "threads", threads, "%d", threads);
    trit_table_fact(t, "rounds", "rounds", (double)w->e->rounds, "%zu, of both in turns",
                    w->e->rounds);
    trit_table_fact(t, "logits_equal", "logits", NAN, "%s", w->equal ? "equal" : "DIFFERENT");
    for (int i = 0; i < SIDES; i++)
        trit_table_fact(t, i ? "logits_b" : "logits_a", NULL, NAN, "%016" PRIx64,
                        w->sides[i].logits);
    trit_table_machine(t);
    for (int i = 0; i < SIDES; i++)
        if (w->sides[i].why[0])
            trit_table_note(t, "%s: %s", w->sides[i].name, w->sides[i].why);
}

static enum trit_code report(struct work *w, enum trit_compare_output output,
                             struct trit_error *error)
{
    struct row rows[TESTS * SIDES];
    char names[TESTS][32];
    const size_t tokens[TESTS] = { w->e->prompt, w->e->gen };
    size_t n = 0;
    snprintf(names[0], sizeof names[0], "pp%zu", tokens[0]);
    snprintf(names[1], sizeof names[1], "tg%zu", tokens[1]);
    for (int t = 0; t < TESTS; t++)
        if (tokens[t]) {
            make_rows(w, t, names[t], rows + n);
            n += SIDES;
        }
    struct trit_table table = { .title = "Two profiles through a whole model",
                                .columns = columns,
                                .ncolumns = sizeof columns / sizeof *columns,
                                .rows = rows,
                                .nrows = n,
                                .stride = sizeof *rows };
    describe(w, &table);
    enum trit_code code = trit_compare_print(&table, output, NULL, NULL, error);
    if (!code && !w->equal)
        return trit_fail(error, TRIT_EFORMAT,
                         "compare --e2e: the logits differ between %s and %s: a kernel is wrong",
                         w->sides[0].name, w->sides[1].name);
    return code;
}

enum trit_code trit_e2e_run(const struct trit_e2e *e, enum trit_compare_output output,
                            struct trit_error *error)
{
    struct work w = { .e = e, .equal = true };
    enum trit_code code = TRIT_OK;
    for (int i = 0; i < SIDES && !code; i++) {
        w.sides[i].name = e->profile[i];
        code = open_profile(&w.sides[i], error);
    }
    if (!code)
        code = trit_cli_open_model(&w.engine, e->file, error);
    trit_cli_layout(&w.engine, e->i2s);
    if (!code)
        code = prepare(&w, error);
    if (!code)
        code = trit_pool_create(&w.engine.pool,
                                e->threads > 0 ? e->threads : trit_cpu_get()->threads, error);
    if (!code)
        code = check_memory(&w, error);
    for (int i = 0; i < SIDES && !code; i++)
        code = open_side(&w, &w.sides[i], error);
    if (!code)
        code = run_rounds(&w, error);
    if (!code)
        code = report(&w, output, error);
    for (int i = 0; i < SIDES; i++)
        close_side(&w.sides[i]);
    trit_engine_close(&w.engine);
    free(w.tokens);
    free(w.logits);
    free(w.ratios);
    return code;
}
