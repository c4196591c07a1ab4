/* `tritmill tune`: finds, by measurement, the best kernels for a model's matrices on this machine,
   and records them in a profile. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "autotune/tune/internal.h"
#include "runtime/base/clock.h"
#include "runtime/base/mem.h"
#include "runtime/cli/commands.h"
#include "runtime/cli/open.h"
#include "runtime/cli/shape.h"
#include "runtime/model/model.h"
#include "runtime/model/shapes.h"

enum { FIRST_SECONDS = 14, CELL_SECONDS = 8, LIMIT_SAMPLES = 6 };

struct tune_options {
    const char *file, *model, *isa, *cc, *templates, *output, *json;
    struct trit_texts shapes;
    int weights;
    struct trit_ints threads, tokens;
    bool update, no_build;
    double budget;
};

#define AT(member) offsetof(struct tune_options, member)
static const struct trit_option options[] = {
    { "-m,--file", TRIT_OPT_TEXT, AT(file), "FILE", "the matrices of this GGUF file", 0, 0, NULL },
    { "--model", TRIT_OPT_TEXT, AT(model), "NAME",
      "the matrices of a shape: 2b4t, bonsai-8b, ..., as for synth", 0, 0, NULL },
    { "--shape", TRIT_OPT_TEXTS, AT(shapes), "NxK", "this matrix: N outputs, K inputs (repeatable)",
      0, 0, NULL },
    { "--weights", TRIT_OPT_CHOICE, AT(weights), NULL,
      "of --shape and --model, " TRIT_CLI_FORMS_HELP, 0, 0, TRIT_CLI_FORMS },
    { "-t,--threads", TRIT_OPT_INTS, AT(threads), "N,..",
      "thread counts to tune for (default: 1 and the number of cores)", 1, TRIT_MAX_THREADS, NULL },
    { "--tokens", TRIT_OPT_INTS, AT(tokens), "M,..",
      "tokens at once to measure with (default 1,512; 1 is always among them)", 1, 4096, NULL },
    { "--budget", TRIT_OPT_FLOAT, AT(budget), "SECONDS",
      "time for everything (default: 14, and 8 for each matrix and thread count)", 0, 1e6, NULL },
    { "--update", TRIT_OPT_FLAG, AT(update), NULL,
      "time only what is new: kernels that the profile was not tuned with, matrices it lacks", 0, 0,
      NULL },
    { "--isa", TRIT_OPT_TEXT, AT(isa), "NAME", "kernels of this instruction set only", 0, 0, NULL },
    { "--cc", TRIT_OPT_TEXT, AT(cc), "NAMES",
      "compilers for kernels of these shapes: gcc,clang (default: those found, and CC)", 0, 0,
      NULL },
    { "--no-build", TRIT_OPT_FLAG, AT(no_build), NULL, "only the program's own kernels", 0, 0,
      NULL },
    { "--templates", TRIT_OPT_TEXT, AT(templates), "DIR",
      "a folder of your templates, searched first", 0, 0, NULL },
    { "-o,--output", TRIT_OPT_TEXT, AT(output), "FILE",
      "the profile (default: this machine's, in the user's cache folder)", 0, 0, NULL },
    { "--json", TRIT_OPT_TEXT, AT(json), "FILE", "write all samples as Google Benchmark's JSON", 0,
      0, NULL },
};
#undef AT

static const struct trit_rule rules[] = {
    { TRIT_RULE_SOME, "-m,--model,--shape" },
    { TRIT_RULE_AGAINST, "--no-build,--cc,--templates" },
    { TRIT_RULE_AGAINST, "-m,--weights" },
};

static const char detail[] =
    "Every kernel is compared with the reference before it is timed. Weights rotate over more "
    "than\n"
    "twice the last-level cache; candidates are timed in turns, and the better half stays. Decode\n"
    "and prefill are decided together, since they share one packing, for the least time of a\n"
    "request: 128 passes of one token and 512 tokens of prompt (several --tokens share the prompt\n"
    "evenly). Matrices with the same inputs are one: q|k|v, gate|up; where zeros are skipped the\n"
    "gate is separate. The present plan stays unless another is faster by more than twice the\n"
    "spread. After Ctrl-C the plans decided so far are kept. `run` and `bench` use the profile by\n"
    "default. The head goes by estimate.";

static int tune_command(int argc, char **argv);

const struct trit_command trit_cmd_tune = {
    .name = "tune",
    .summary = "find the fastest kernels for a model's matrices on this machine",
    .usage = "(-m FILE | --model NAME | --shape NxK ...) [options]",
    .detail = detail,
    .options = options,
    .noptions = sizeof options / sizeof *options,
    .rules = rules,
    .nrules = sizeof rules / sizeof *rules,
    .run = tune_command,
};

/* Matrices */

static bool is_alike(const struct trit_tune_matrix *a, const struct trit_tune_matrix *b)
{
    return a->n == b->n && a->k == b->k && a->form.group == b->form.group &&
           a->form.values == b->form.values;
}

/* Of one shape and form there is one, with all names. */
static enum trit_code add_matrix(struct trit_tune *tune, const struct trit_tune_matrix *matrix,
                                 struct trit_error *error)
{
    for (size_t i = 0; i < tune->nmatrices; i++) {
        struct trit_tune_matrix *m = &tune->matrices[i];
        if (is_alike(m, matrix)) {
            const size_t at = strlen(m->name);
            m->count += matrix->count;
            snprintf(m->name + at, sizeof m->name - at, "%s%s", at && *matrix->name ? ", " : "",
                     matrix->name);
            return TRIT_OK;
        }
    }
    if (tune->nmatrices == TRIT_TUNE_MATRICES)
        return trit_fail(error, TRIT_EARGUMENT, "tune: more than %d matrices", TRIT_TUNE_MATRICES);
    tune->matrices[tune->nmatrices++] = *matrix;
    return TRIT_OK;
}

/* All but a packed head, of which a request needs one row of logits a pass: it goes by estimate;
   and but dense ones, for which there is one choice. */
static enum trit_code add_list(struct trit_tune *tune, const struct trit_model_matrix *list,
                               size_t n, struct trit_error *error)
{
    enum trit_code code = TRIT_OK;
    for (size_t i = 0; i < n && !code; i++) {
        if (list[i].head || list[i].form.values == TRIT_FLOATS)
            continue;
        struct trit_tune_matrix m = {
            .n = list[i].n, .k = list[i].k, .count = list[i].count, .form = list[i].form
        };
        snprintf(m.name, sizeof m.name, "%s", list[i].name);
        code = add_matrix(tune, &m, error);
    }
    return code;
}

/* As the file's matrices are; and the gate alone, where a packed cache may ask for it. */
static enum trit_code add_file(struct trit_tune *tune, const char *path, struct trit_error *error)
{
    struct trit_model_matrix list[TRIT_TUNE_MATRICES];
    struct trit_gguf *gguf;
    struct trit_model *outline = NULL;
    char found[4096];
    enum trit_code code = trit_cli_find_model(path, found, sizeof found, error);
    if (!code)
        code = trit_gguf_open(&gguf, found, error);
    if (code)
        return code;
    code = trit_model_outline(&outline, &(struct trit_outline_of){ .gguf = gguf }, 1, NULL, error);
    if (!code)
        code = add_list(tune, list, trit_model_products(outline, list, TRIT_TUNE_MATRICES), error);
    const size_t usual = code ? 0 : trit_model_matrices(trit_model_config(outline), list);
    for (size_t i = 0; i < usual && !code; i++)
        if (list[i].count == 0)
            code = add_list(tune, list + i, 1, error);
    if (!code && !tune->nmatrices)
        code = trit_fail(error, TRIT_EUNSUPPORTED,
                         "tune: %s: nothing to tune: its matrices are dense", found);
    trit_model_free(outline);
    trit_gguf_close(gguf);
    return code;
}

static enum trit_code add_model(struct trit_tune *tune, const char *name, int weights,
                                struct trit_error *error)
{
    struct trit_model_matrix list[TRIT_MODEL_MATRICES];
    struct trit_shape shape;
    struct trit_config config;
    enum trit_code code = trit_shape_parse(&shape, name, error);
    if (code)
        return code;
    trit_shape_config(&shape, trit_shape_family(&shape), &config);
    const size_t n = trit_model_matrices(&config, list);
    for (size_t i = 0; i < n && weights >= 0 && !code; i++)
        code = trit_cli_form("tune", weights, list[i].k, &list[i].form, error);
    return code ? code : add_list(tune, list, n, error);
}

static enum trit_code add_shape(struct trit_tune *tune, const char *text, int weights,
                                struct trit_error *error)
{
    struct trit_tune_matrix m = { .count = 1 };
    enum trit_code code = trit_cli_shape("tune", text, &m.n, &m.k, error);
    if (!code && weights >= 0)
        code = trit_cli_form("tune", weights, m.k, &m.form, error);
    return code ? code : add_matrix(tune, &m, error);
}

static enum trit_code add_matrices(struct trit_tune *tune, const struct tune_options *o,
                                   struct trit_error *error)
{
    enum trit_code code = o->file ? add_file(tune, o->file, error) : TRIT_OK;
    if (o->model && !code)
        code = add_model(tune, o->model, o->weights, error);
    for (int i = 0; i < o->shapes.n && !code; i++)
        code = add_shape(tune, o->shapes.v[i], o->weights, error);
    return code;
}

/* Numbers */

static int by_number(const void *a, const void *b)
{
    const int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

static void sort_once(struct trit_ints *list)
{
    int kept = 0;
    qsort(list->v, (size_t)list->n, sizeof *list->v, by_number);
    for (int i = 0; i < list->n; i++)
        if (kept == 0 || list->v[kept - 1] != list->v[i])
            list->v[kept++] = list->v[i];
    list->n = kept;
}

static void settle_numbers(struct trit_tune *tune, const struct tune_options *o)
{
    const int own = trit_cpu_get()->threads;
    tune->threads = o->threads;
    tune->tokens = o->tokens;
    if (tune->threads.n == 0)
        tune->threads = (struct trit_ints){ 2, { 1, own < TRIT_MAX_THREADS ? own : 1 }, false };
    if (tune->tokens.n == TRIT_LIST_MAX)
        tune->tokens.n--;
    tune->tokens.v[tune->tokens.n++] = 1;
    sort_once(&tune->threads);
    sort_once(&tune->tokens);
    if (tune->tokens.n == 1)
        tune->tokens.v[tune->tokens.n++] = TRIT_TUNE_PROMPT;
    tune->budget = o->budget;
    if (o->budget < 0)
        tune->budget = FIRST_SECONDS + CELL_SECONDS * (double)tune->nmatrices * tune->threads.n;
}

static enum trit_code make_cells(struct trit_tune *tune, struct trit_error *error)
{
    tune->cells = trit_alloc(tune->nmatrices * (size_t)tune->threads.n, sizeof *tune->cells);
    tune->pools = trit_alloc((size_t)tune->threads.n, sizeof *tune->pools);
    tune->limits = trit_alloc((size_t)tune->threads.n, sizeof *tune->limits);
    if (!tune->cells || !tune->pools || !tune->limits)
        return trit_fail(error, TRIT_EMEMORY, "no memory to tune");
    for (size_t i = 0; i < tune->nmatrices; i++)
        for (int j = 0; j < tune->threads.n; j++)
            tune->cells[tune->ncells++] = (struct trit_tune_cell){ .matrix = &tune->matrices[i],
                                                                   .threads = tune->threads.v[j] };
    enum trit_code code = TRIT_OK;
    for (int i = 0; i < tune->threads.n && !code; i++)
        code = trit_pool_create(&tune->pools[i], tune->threads.v[i], error);
    return code;
}

static bool has_rows(struct trit_tune *tune, const struct trit_tune_cell *cell)
{
    const struct trit_product product = trit_tune_product(cell->matrix, cell->threads);
    struct trit_profile_plan plan;
    bool has = tune->profile && trit_profile_plan(tune->profile, &product, &plan);
    for (int phase = 0; phase < TRIT_NPHASES && has; phase++)
        has = plan.row[phase] && plan.row[phase]->threads == cell->threads;
    return has;
}

/* Matrices that have their plans: only what was never tried competes for them. */
static void mark_known(struct trit_tune *tune)
{
    for (size_t i = 0; i < tune->nmatrices; i++)
        tune->matrices[i].only_new = tune->update;
    for (size_t i = 0; i < tune->ncells; i++)
        if (!has_rows(tune, &tune->cells[i]))
            tune->cells[i].matrix->only_new = false;
}

/* What of the old profile could not be used. */
static void tell_refusals(const struct trit_tune *tune)
{
    const char *line = tune->profile ? tune->profile->log : "";
    for (size_t n; *line; line += n + (line[n] == '\n')) {
        n = strcspn(line, "\n");
        fprintf(stderr, "tritmill: %.*s\n", (int)n, line);
    }
}

/* Stages */

static enum trit_code find_compilers(struct trit_tune *tune, struct trit_error *error)
{
    if (tune->no_build)
        return TRIT_OK;
    const double begun = trit_now();
    const enum trit_code code = trit_compilers_find(&tune->compilers, tune->cc, error);
    tune->build_seconds = trit_now() - begun;
    if (!code && tune->compilers.n == 0)
        fprintf(stderr, "tritmill: %s; tuning among the program's own kernels\n",
                tune->compilers.why);
    return code;
}

static enum trit_code screen_all(struct trit_tune *tune, struct trit_error *error)
{
    enum trit_code code = TRIT_OK;
    for (size_t i = 0; i < tune->nmatrices && !code; i++)
        code = trit_tune_screen(tune, &tune->matrices[i], error);
    for (size_t i = 0; i < tune->ncells; i++)
        tune->cells[i].kept =
            tune->cells[i].matrix->only_new && tune->cells[i].matrix->field.n == 0;
    return code;
}

/* Limits belong to the minutes of the measurements. */
static enum trit_code sample_limits(struct trit_tune *tune, int which, struct trit_error *error)
{
    if (!tune->limits[which]) {
        const enum trit_code code =
            trit_limits_open(&tune->limits[which], tune->pools[which], error);
        if (code)
            return code;
    }
    for (int i = 0; i < LIMIT_SAMPLES; i++) {
        trit_limits_sample_read(tune->limits[which]);
        trit_limits_sample_peak(tune->limits[which]);
    }
    return TRIT_OK;
}

static enum trit_code decide(struct trit_tune *tune, struct trit_tune_cell *cell, int which,
                             struct trit_measure *measure, struct trit_error *error)
{
    tune->cell_started = trit_now();
    tune->cell_allowed = trit_tune_allowance(tune, cell);
    trit_measure_pool(measure, tune->pools[which]);
    enum trit_code code = sample_limits(tune, which, error);
    if (!code)
        code = trit_tune_decide(tune, cell, measure, error);
    if (!code)
        code = sample_limits(tune, which, error);
    const double pace = (trit_now() - tune->cell_started) / (tune->cell_allowed + 1e-9);
    tune->pace = pace < 1 ? (tune->pace + pace) / 2 : 1;
    return code;
}

static enum trit_code decide_matrix(struct trit_tune *tune, size_t first, struct trit_error *error)
{
    struct trit_tune_cell *cells = tune->cells + first;
    struct trit_measure *measure;
    enum trit_code code =
        trit_measure_open(&measure, tune->pools[0], cells->matrix->n, cells->matrix->k, error);
    for (int i = 0; i < tune->threads.n && !code; i++)
        if (trit_tune_left(tune) > 0)
            code = decide(tune, &cells[i], i, measure, error);
    trit_measure_close(measure);
    return code;
}

static enum trit_code search(struct trit_tune *tune, struct trit_error *error)
{
    enum trit_code code = TRIT_OK;
    if (trit_tune_left(tune) <= 0)
        return TRIT_OK;
    for (size_t i = 0; i < tune->nmatrices && !code; i++)
        code = trit_tune_check_room(tune, &tune->matrices[i], error);
    if (!code && tune->templates && tune->compilers.n > 0)
        code = trit_tune_make_user(tune, error);
    if (!code)
        code = screen_all(tune, error);
    if (!code && tune->compilers.n > 0 && trit_tune_left(tune) > 0)
        code = trit_tune_make_special(tune, error);
    for (size_t i = 0; i < tune->ncells && !code; i += (size_t)tune->threads.n)
        if (!tune->cells[i].kept)
            code = decide_matrix(tune, i, error);
    return code;
}

/* The end */

static void count_cells(const struct trit_tune *tune, size_t *done, size_t *kept, size_t *changed)
{
    *done = *kept = *changed = 0;
    for (size_t i = 0; i < tune->ncells; i++) {
        *done += tune->cells[i].done;
        *kept += tune->cells[i].kept;
        *changed += tune->cells[i].changed;
    }
}

/* What is decided is kept even where the search was stopped or failed. */
static enum trit_code finish(struct trit_tune *tune, enum trit_code searched,
                             struct trit_error *error)
{
    size_t done, kept, changed;
    struct trit_error keeping = { 0 };
    count_cells(tune, &done, &kept, &changed);
    const bool whole = kept == tune->ncells; /* an update that found nothing new */
    enum trit_code code = TRIT_OK;
    if (done > 0 || whole)
        code = trit_tune_keep(tune, &keeping);
    trit_tune_clear(tune);
    trit_tune_report(tune);
    if (code) {
        *error = keeping;
        return code;
    }
    if (done > 0 || whole)
        printf("%zu of %zu plans decided, %zu changed, in %.0f s: %s\n", done + kept, tune->ncells,
               changed, trit_now() - tune->started, tune->path);
    if (trit_stopped() && done + kept == 0)
        return trit_fail(error, TRIT_ESTOPPED,
                         "tune: stopped before a plan was decided: nothing was written");
    if (searched == TRIT_ESTOPPED && !trit_stopped())
        searched = TRIT_OK; /* the budget's end */
    if (!searched && done + kept == 0)
        return trit_fail(error, TRIT_ESTOPPED,
                         "tune: the budget of %g s ended before a plan was decided: nothing was "
                         "written",
                         tune->budget);
    return searched;
}

static void release(struct trit_tune *tune)
{
    for (int i = 0; i < tune->threads.n; i++) {
        if (tune->limits)
            trit_limits_close(tune->limits[i]);
        if (tune->pools)
            trit_pool_destroy(tune->pools[i]);
    }
    for (size_t i = 0; i < tune->nmatrices; i++)
        trit_field_free(&tune->matrices[i].field);
    free(tune->pools);
    free(tune->limits);
    free(tune->cells);
    free(tune->hopeless);
    free(tune->untried);
    free(tune->tried);
    trit_profile_free(tune->profile);
}

static enum trit_code run(struct trit_tune *tune, const struct tune_options *o,
                          struct trit_error *error)
{
    enum trit_code code = add_matrices(tune, o, error);
    if (code)
        return code;
    settle_numbers(tune, o);
    code = trit_tune_recall(tune, error);
    if (!code)
        code = make_cells(tune, error);
    if (!code)
        code = find_compilers(tune, error);
    if (!code && o->json)
        code = trit_gbench_log_open(&tune->log, error);
    if (code)
        return code;
    mark_known(tune);
    tell_refusals(tune);
    trit_catch_stop();
    const enum trit_code searched = search(tune, error);
    code = finish(tune, searched, error);
    struct trit_error logging;
    const enum trit_code logged = trit_gbench_log_close(tune->log, o->json, &logging);
    if (logged && !code)
        *error = logging;
    return code ? code : logged;
}

static int tune_command(int argc, char **argv)
{
    struct tune_options o = { .budget = -1, .weights = -1 };
    const enum trit_parse parse = trit_cli_parse(&trit_cmd_tune, argc, argv, &o, NULL);
    if (parse)
        return parse == TRIT_PARSE_HELP ? 0 : 2;
    char isas[160];
    if (o.isa && trit_isa_find(o.isa) == TRIT_NISA)
        return trit_cli_usage_error("tune: --isa %s: must be one of %s", o.isa,
                                    trit_cli_isas(isas, sizeof isas));
    struct trit_error error;
    static struct trit_tune tune;
    tune = (struct trit_tune){ .file = o.file,
                               .isa = o.isa,
                               .cc = o.cc,
                               .templates = o.templates,
                               .output = o.output,
                               .json = o.json,
                               .update = o.update,
                               .no_build = o.no_build,
                               .quiet = !isatty(STDERR_FILENO),
                               .built_in = trit_kernel_count(),
                               .started = trit_now(),
                               .pace = 1 };
    const enum trit_code code = run(&tune, &o, &error);
    trit_tune_clear(&tune);
    release(&tune);
    return code ? trit_cli_error(&error) : trit_cli_output_code(0);
}
