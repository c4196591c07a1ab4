/* `tritmill eval`: multiple choice by likelihood. A question's choices are continuations; the one
   that the model gives the greatest probability is its answer: raw, or per character. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/base/file.h"
#include "runtime/base/mem.h"
#include "runtime/base/text.h"
#include "runtime/cli/commands.h"
#include "runtime/cli/json.h"
#include "runtime/judge/internal.h"

enum output { TEXT, JSON, CSV };
enum { ROWS = 64 };

struct options {
    const char *model, *profile;
    struct trit_texts tasks;
    int context, threads, limit, output, i2s;
    bool quiet;
};

#define AT(member) offsetof(struct options, member)
static const struct trit_option options[] = {
    TRIT_MODEL_OPTION(AT(model)),
    { "--task", TRIT_OPT_TEXTS, AT(tasks), "FILE",
      "questions, one JSON object a line: ARC, HellaSwag, WinoGrande, BoolQ or PIQA; may be given "
      "several times",
      0, 0, NULL },
    { "--limit", TRIT_OPT_INT, AT(limit), "N", "the first N questions of each (default: all)", 1,
      1e9, NULL },
    { "-c,--ctx-size", TRIT_OPT_INT, AT(context), "N",
      "the longest question, tokens (default 2048, or the model's context if less)", 4, 1 << 20,
      NULL },
    { "-t,--threads", TRIT_OPT_INT, AT(threads), "N", "threads (default: one per physical core)",
      -1, TRIT_MAX_THREADS, NULL },
    { "--log-disable", TRIT_OPT_FLAG, AT(quiet), NULL, "no progress", 0, 0, NULL },
    { "-o,--output", TRIT_OPT_CHOICE, AT(output), NULL, "a table (default), a JSON object, or CSV",
      0, 0, "text|json|csv" },
    TRIT_LAYOUT_OPTION(AT(i2s)),
    { "--profile", TRIT_OPT_TEXT, AT(profile), "FILE",
      "the profile that picks the kernels (none: by estimate; default: this machine's)", 0, 0,
      NULL },
};

static const struct trit_rule rules[] = {
    { TRIT_RULE_SOME, "--task" },
};

static const char detail[] =
    "A choice is scored by the sum of the log-probabilities of its tokens behind the question. acc "
    "takes the\n"
    "best sum, acc_norm the best sum per character of the choice; both with their standard errors. "
    "Prompts are\n"
    "those of lm-evaluation-harness, without examples. A question longer than the context is an "
    "error, not a guess.\n"
    "The right choices of NAME.jsonl may stand in NAME-labels.lst beside it, as PIQA has them.";

struct task {
    const char *path, *name;
    struct trit_mean raw, normed;
};

struct work {
    struct options options;
    struct trit_engine engine;
    struct trit_session *session;
    float *logits; /* [ROWS][vocab] */
    double nll[ROWS];
    struct task tasks[TRIT_LIST_MAX];
    double seconds;
};

/* A choice as tokens: those from `scored` on are the continuation's. */
struct tokens {
    int32_t *ids;
    size_t n, scored;
};

static enum trit_code encode(struct work *w, const struct trit_question *q, size_t i,
                             struct tokens *t, struct trit_error *error)
{
    const size_t a = strlen(q->context[i]), b = strlen(q->continuation[i]);
    char *both = malloc(a + b + 1);
    int32_t *ids;
    size_t n;
    if (!both)
        return trit_fail(error, TRIT_EMEMORY, "no memory for a question");
    memcpy(both, q->context[i], a);
    memcpy(both + a, q->continuation[i], b + 1);
    enum trit_code code =
        trit_engine_encode(&w->engine, (struct trit_text){ both, a }, false, &ids, &n, error);
    if (!code) {
        free(ids);
        t->scored = n ? n : 1;
        code = trit_engine_encode(&w->engine, (struct trit_text){ both, a + b }, false, &t->ids,
                                  &t->n, error);
    }
    free(both);
    return code;
}

/* Tokens that all choices begin with; the last before a scored one is not among them. */
static size_t shared(const struct tokens *t, size_t n)
{
    size_t same = t[0].scored - 1;
    for (size_t i = 1; i < n; i++) {
        size_t j = 0;
        while (j < same && j + 1 < t[i].scored && t[i].ids[j] == t[0].ids[j])
            j++;
        same = j;
    }
    return same;
}

/* The log-likelihood of a choice's scored tokens, from position `at` on, which is evaluated. */
static enum trit_code likelihood(struct work *w, const struct tokens *t, size_t at, double *sum,
                                 struct trit_error *error)
{
    const size_t last = t->n - 1, begin = t->scored - 1;
    const struct trit_run before = {
        .session = w->session, .tokens = t->ids + at, .count = begin - at, .first = begin - at
    };
    enum trit_code code = begin > at ? trit_session_prefill(&before, error) : TRIT_OK;
    *sum = 0;
    for (size_t i = begin; i < last && !code; i += ROWS) {
        const size_t n = last - i < ROWS ? last - i : ROWS;
        code = trit_session_eval(w->session, t->ids + i, n, 0, w->logits, error);
        if (code)
            break;
        trit_score_rows(w->engine.pool, w->logits, w->engine.config.vocab, t->ids + i + 1, n,
                        w->nll);
        for (size_t j = 0; j < n; j++)
            *sum -= w->nll[j];
    }
    return code;
}

/* Of all choices, behind what they share. */
static enum trit_code score(struct work *w, const struct tokens *t, size_t n, double *sums,
                            struct trit_error *error)
{
    const size_t same = shared(t, n);
    const struct trit_run first = {
        .session = w->session, .tokens = t[0].ids, .count = same, .first = same
    };
    struct trit_mark *mark = NULL;
    trit_session_rewind(w->session, 0);
    enum trit_code code = same ? trit_session_prefill(&first, error) : TRIT_OK;
    if (!code)
        code = trit_mark_take(&mark, w->session, error);
    for (size_t i = 0; i < n && !code; i++) {
        if (trit_stopped())
            code = trit_fail(error, TRIT_ESTOPPED, "stopped");
        else if (!trit_mark_back(mark))
            code = trit_fail(error, TRIT_EUNSUPPORTED, "the sequence cannot go back");
        if (!code)
            code = likelihood(w, &t[i], same, &sums[i], error);
    }
    trit_mark_free(mark);
    return code;
}

static void judge(struct task *task, const struct trit_question *q, const double *sums)
{
    size_t raw = 0, normed = 0;
    for (size_t i = 1; i < q->n; i++) {
        raw = sums[i] > sums[raw] ? i : raw;
        normed =
            sums[i] / (double)q->length[i] > sums[normed] / (double)q->length[normed] ? i : normed;
    }
    trit_mean_add(&task->raw, raw == q->right);
    trit_mean_add(&task->normed, normed == q->right);
}

static enum trit_code ask(struct work *w, struct task *task, const struct trit_question *q,
                          size_t number, struct trit_error *error)
{
    struct tokens t[TRIT_CHOICES] = { 0 };
    double sums[TRIT_CHOICES];
    const size_t context = trit_session_context(w->session);
    enum trit_code code = TRIT_OK;
    for (size_t i = 0; i < q->n && !code; i++) {
        code = encode(w, q, i, &t[i], error);
        if (!code && t[i].n > context)
            code = trit_fail(error, TRIT_EARGUMENT,
                             "%s: line %zu: %zu tokens do not fit the context of %zu: use -c",
                             task->path, number, t[i].n, context);
        if (!code && t[i].n <= t[i].scored)
            code = trit_fail(error, TRIT_EFORMAT, "%s: line %zu: choice %zu adds no token",
                             task->path, number, i + 1);
    }
    if (!code)
        code = score(w, t, q->n, sums, error);
    if (!code)
        judge(task, q, sums);
    for (size_t i = 0; i < q->n; i++)
        free(t[i].ids);
    return code;
}

/* Lines of a file. */
struct lines {
    char *text; /* NULL: there is no file */
    const char *at, *end;
    size_t number;
};

/* The next line that is not blank; false past the last. */
static bool next_line(struct lines *l, struct trit_text *line)
{
    while (l->text && l->at < l->end) {
        const char *stop = memchr(l->at, '\n', (size_t)(l->end - l->at));
        stop = stop ? stop : l->end;
        *line = (struct trit_text){ l->at, (size_t)(stop - l->at) };
        l->at = stop < l->end ? stop + 1 : l->end;
        l->number++;
        if (strspn(line->s, " \t\r") < line->n)
            return true;
    }
    *line = (struct trit_text){ NULL, 0 };
    return false;
}

static enum trit_code read_lines(struct lines *l, const char *path, struct trit_error *error)
{
    size_t bytes;
    const enum trit_code code = trit_file_read(path, TRIT_TEXT_MAX, &l->text, &bytes, error);
    l->at = l->text;
    l->end = code ? NULL : l->text + bytes;
    return code;
}

/* PIQA's makers have the right choices in a file beside, NAME-labels.lst of NAME.jsonl. */
static void read_labels(struct lines *l, const char *path)
{
    char beside[4096];
    struct trit_error ignored;
    const size_t n = strlen(path);
    *l = (struct lines){ 0 };
    if (trit_ends_with(path, ".jsonl") && n + 16 < sizeof beside) {
        snprintf(beside, sizeof beside, "%.*s-labels.lst", (int)(n - 6), path);
        if (!access(beside, R_OK))
            read_lines(l, beside, &ignored);
    }
}

/* All questions of a file. dry: they are only read, so that faults show before long work. */
static enum trit_code walk(struct work *w, struct task *task, struct lines *l, struct lines *labels,
                           bool dry, struct trit_error *error)
{
    const size_t limit = w->options.limit ? (size_t)w->options.limit : SIZE_MAX;
    struct trit_task_line line = { .path = task->path };
    struct trit_progress progress;
    size_t n = 0;
    enum trit_code code = TRIT_OK;
    trit_progress_begin(&progress, task->path);
    progress.active = progress.active && !w->options.quiet && !dry;
    while (!code && n < limit && next_line(l, &line.text)) {
        struct trit_question q;
        line.number = l->number;
        next_line(labels, &line.label);
        code = trit_question_read(&q, &task->name, &line, error);
        if (code)
            break;
        code = dry ? TRIT_OK : ask(w, task, &q, l->number, error);
        trit_question_free(&q);
        trit_progress_step(&progress, (uint64_t)(l->at - l->text), (uint64_t)(l->end - l->text));
        n++;
    }
    trit_progress_end(&progress);
    if (!code && !n)
        code = trit_fail(error, TRIT_EFORMAT, "%s: has no question", task->path);
    return code;
}

static enum trit_code run_task(struct work *w, struct task *task, bool dry,
                               struct trit_error *error)
{
    struct lines lines = { 0 }, labels;
    enum trit_code code = read_lines(&lines, task->path, error);
    if (code)
        return code;
    read_labels(&labels, task->path);
    code = walk(w, task, &lines, &labels, dry, error);
    free(lines.text);
    free(labels.text);
    return code;
}

static enum trit_code load(struct work *w, struct trit_error *error)
{
    struct trit_engine *e = &w->engine;
    const struct trit_judge_options how = { w->options.profile, w->options.context,
                                            w->options.threads, w->options.quiet };
    const enum trit_code code = trit_judge_load(e, &how, &w->session, error);
    if (code)
        return code;
    w->logits = trit_alloc(ROWS * sizeof *w->logits, e->config.vocab);
    return w->logits ? TRIT_OK : trit_fail(error, TRIT_EMEMORY, "no memory for logits");
}

static json_t *task_json(const struct task *t)
{
    const struct trit_text path = { t->path, strlen(t->path) };
    return json_pack("{ss so sI sf sf sf sf}", "task", t->name, "file", trit_json_text(path),
                     "questions", (json_int_t)t->raw.n, "acc", trit_mean_of(&t->raw), "acc_error",
                     trit_mean_error(&t->raw), "acc_norm", trit_mean_of(&t->normed),
                     "acc_norm_error", trit_mean_error(&t->normed));
}

static void report_text(const struct work *w)
{
    printf("%-12s %9s  %-17s %s\n", "task", "questions", "acc", "acc_norm");
    for (int i = 0; i < w->options.tasks.n; i++) {
        const struct task *t = &w->tasks[i];
        printf("%-12s %9zu  %.4f +/- %.4f  %.4f +/- %.4f\n", t->name, t->raw.n,
               trit_mean_of(&t->raw), trit_mean_error(&t->raw), trit_mean_of(&t->normed),
               trit_mean_error(&t->normed));
    }
    trit_judged_print(&w->engine);
}

static enum trit_code report(const struct work *w, struct trit_error *error)
{
    json_t *list = json_array(), *json = trit_judged_by(&w->engine);
    for (int i = 0; i < w->options.tasks.n; i++) {
        json_t *task = task_json(&w->tasks[i]);
        if (w->options.output == CSV) {
            json_object_update_missing(task, json);
            trit_csv_line(task, i == 0);
        }
        json_array_append_new(list, task);
    }
    json_object_set_new(json, "seconds", json_real(w->seconds));
    json_object_set_new(json, "tasks", list);
    if (w->options.output == JSON)
        return trit_json_print(json, error);
    json_decref(json);
    if (w->options.output == TEXT)
        report_text(w);
    return TRIT_OK;
}

static enum trit_code work(struct work *w, struct trit_error *error)
{
    enum trit_code code = trit_cli_open_model(&w->engine, w->options.model, error);
    trit_cli_layout(&w->engine, w->options.i2s);
    if (!code)
        code = trit_engine_load_tokenizer(&w->engine, error);
    for (int dry = 1; dry >= 0 && !code; dry--) {
        if (!dry) {
            trit_catch_stop();
            code = load(w, error);
            w->seconds = -trit_now();
        }
        for (int i = 0; i < w->options.tasks.n && !code; i++) {
            w->tasks[i].path = w->options.tasks.v[i];
            code = run_task(w, &w->tasks[i], dry, error);
        }
    }
    w->seconds += trit_now();
    return code ? code : report(w, error);
}

static int run(int argc, char **argv)
{
    struct work w = { 0 };
    enum trit_parse parse = trit_cli_parse(&trit_cmd_eval, argc, argv, &w.options, NULL);
    if (parse)
        return parse == TRIT_PARSE_HELP ? 0 : 2;
    struct trit_error error;
    const enum trit_code code = work(&w, &error);
    trit_session_free(w.session);
    trit_engine_close(&w.engine);
    free(w.logits);
    return code ? trit_cli_error(&error) : 0;
}

const struct trit_command trit_cmd_eval = {
    .name = "eval",
    .summary = "score a model on multiple-choice questions",
    .usage = "[-m FILE] --task FILE [options]",
    .detail = detail,
    .options = options,
    .noptions = sizeof options / sizeof *options,
    .rules = rules,
    .nrules = sizeof rules / sizeof *rules,
    .run = run,
};
