/* `tritmill embed`: texts as vectors. A text's vector is the model's last normed state behind its
   last token, or the mean of those behind all, at length 1. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/file.h"
#include "runtime/base/mem.h"
#include "runtime/cli/commands.h"
#include "runtime/cli/json.h"
#include "runtime/judge/internal.h"

enum output { JSON, CSV, BIN };
enum pooling { AUTO, LAST, MEAN };

struct options {
    const char *model, *file, *prompt, *profile;
    int context, threads, output, pooling, i2s;
    bool quiet, raw;
};

#define AT(member) offsetof(struct options, member)
static const struct trit_option options[] = {
    TRIT_MODEL_OPTION(AT(model)),
    { "-p,--prompt", TRIT_OPT_TEXT, AT(prompt), "TEXT", "the text", 0, 0, NULL },
    { "-f,--file", TRIT_OPT_TEXT, AT(file), "FILE", "a file, each line a text (-: stdin)", 0, 0,
      NULL },
    { "-o,--output", TRIT_OPT_CHOICE, AT(output), NULL,
      "a JSON object (default), a line of numbers for each text, or their bytes (f32, little "
      "endian)",
      0, 0, "json|csv|bin" },
    { "--pooling", TRIT_OPT_CHOICE, AT(pooling), NULL,
      "the state behind the last token, or the mean of all (default: as the file says, else last)",
      0, 0, "auto|last|mean" },
    { "--no-normalize", TRIT_OPT_FLAG, AT(raw), NULL, "keep the vectors' lengths", 0, 0, NULL },
    { "-c,--ctx-size", TRIT_OPT_INT, AT(context), "N",
      "the longest text, tokens (default 2048, or the model's context if less)", 1, 1 << 20, NULL },
    { "-t,--threads", TRIT_OPT_INT, AT(threads), "N", "threads (default: one per physical core)",
      -1, TRIT_MAX_THREADS, NULL },
    { "--log-disable", TRIT_OPT_FLAG, AT(quiet), NULL, "no progress", 0, 0, NULL },
    TRIT_LAYOUT_OPTION(AT(i2s)),
    { "--profile", TRIT_OPT_TEXT, AT(profile), "FILE",
      "the profile that picks the kernels (none: by estimate; default: this machine's)", 0, 0,
      NULL },
};

static const struct trit_rule rules[] = {
    { TRIT_RULE_ONE, "-p,-f" },
};

static const char detail[] =
    "BOS is put before a text, and EOS behind it, where the model's keys ask for it. Numbers do "
    "not depend on\nthreads or CPU. Lines that are empty give no vector.";

struct work {
    struct options options;
    struct trit_engine engine;
    struct trit_session *session;
    int32_t eos;    /* put behind a text; -1: none */
    char *text;     /* of the file */
    char *made;     /* what the results say of their making */
    float *states;  /* [TRIT_JUDGE_CHUNK][hidden] */
    double *vector; /* [hidden] */
    size_t n;       /* vectors so far */
};

/* What the file says, numbered as in llama.cpp, where the options do not. */
static enum trit_code find_pooling(struct work *w, struct trit_error *error)
{
    static const enum pooling known[] = { LAST, MEAN, AUTO, LAST };
    const struct trit_gguf *g = w->engine.gguf;
    char key[64];
    uint32_t type = 0;
    snprintf(key, sizeof key, "%s.pooling_type", w->engine.config.arch);
    if (w->options.pooling != AUTO)
        return TRIT_OK;
    const enum trit_code code =
        trit_gguf_find(g, key) ? trit_gguf_u32(g, key, &type, error) : TRIT_OK;
    if (!code)
        w->options.pooling = type < sizeof known / sizeof *known ? known[type] : AUTO;
    if (code || w->options.pooling != AUTO)
        return code;
    return trit_fail(error, TRIT_EUNSUPPORTED,
                     "%s: key '%s' is %u: states are pooled as 1 (mean) or 3 (last): use --pooling",
                     g->path, key, (unsigned)type);
}

static enum trit_code load(struct work *w, struct trit_error *error)
{
    struct trit_engine *e = &w->engine;
    const struct trit_judge_options how = { w->options.profile, w->options.context,
                                            w->options.threads, w->options.quiet };
    const enum trit_code code = trit_judge_load(e, &how, &w->session, error);
    if (code)
        return code;
    w->states = trit_alloc(TRIT_JUDGE_CHUNK * sizeof *w->states, e->config.hidden);
    w->vector = trit_alloc(e->config.hidden, sizeof *w->vector);
    return w->states && w->vector ? TRIT_OK
                                  : trit_fail(error, TRIT_EMEMORY, "no memory for vectors");
}

/* The tokens of a text, and EOS. */
static enum trit_code encode(struct work *w, struct trit_text text, int32_t **ids, size_t *n,
                             struct trit_error *error)
{
    enum trit_code code = trit_engine_encode(&w->engine, text, false, ids, n, error);
    if (code || w->eos < 0)
        return code;
    int32_t *grown = realloc(*ids, (*n + 1) * sizeof **ids);
    if (!grown) {
        free(*ids);
        return trit_fail(error, TRIT_EMEMORY, "no memory for a text");
    }
    grown[(*n)++] = w->eos;
    *ids = grown;
    return TRIT_OK;
}

/* The states behind all tokens, added up as the pooling wants them. */
static enum trit_code pool(struct work *w, const int32_t *ids, size_t n, struct trit_error *error)
{
    const size_t hidden = w->engine.config.hidden;
    enum trit_code code = TRIT_OK;
    memset(w->vector, 0, hidden * sizeof *w->vector);
    trit_session_rewind(w->session, 0);
    for (size_t at = 0; at < n && !code; at += TRIT_JUDGE_CHUNK) {
        const size_t m = n - at < TRIT_JUDGE_CHUNK ? n - at : TRIT_JUDGE_CHUNK;
        const struct trit_run run = {
            .session = w->session, .tokens = ids + at, .count = m, .first = m, .states = w->states
        };
        if (trit_stopped())
            return trit_fail(error, TRIT_ESTOPPED, "stopped");
        code = trit_model_eval(trit_session_work(w->session), &run, 1, error);
        const size_t first = w->options.pooling == MEAN ? 0 : at + m < n ? m : m - 1;
        for (size_t i = first; i < m && !code; i++)
            for (size_t j = 0; j < hidden; j++)
                w->vector[j] += (double)w->states[i * hidden + j];
    }
    for (size_t j = 0; j < hidden && w->options.pooling == MEAN; j++)
        w->vector[j] /= (double)n;
    return code;
}

static void normalize(struct work *w)
{
    const size_t hidden = w->engine.config.hidden;
    double squares = 0;
    for (size_t j = 0; j < hidden; j++)
        squares += w->vector[j] * w->vector[j];
    for (size_t j = 0; j < hidden && squares > 0; j++)
        w->vector[j] /= sqrt(squares);
}

/* Nine digits tell a float. */
static void show(const struct work *w, size_t tokens)
{
    const size_t hidden = w->engine.config.hidden;
    if (w->options.output == JSON && !w->n)
        printf("{\"made_with\": %s,\n  \"pooling\": \"%s\", \"dimensions\": %zu, \"data\": [",
               w->made, w->options.pooling == MEAN ? "mean" : "last", hidden);
    if (w->options.output == JSON)
        printf("%s\n    {\"index\": %zu, \"tokens\": %zu, \"embedding\": [", w->n ? "," : "", w->n,
               tokens);
    for (size_t j = 0; j < hidden; j++) {
        const float x = (float)w->vector[j];
        if (w->options.output == BIN)
            fwrite(&x, sizeof x, 1, stdout);
        else
            printf("%s%.9g", j ? "," : "", (double)x);
    }
    fputs(w->options.output == JSON ? "]}" : w->options.output == CSV ? "\n" : "", stdout);
}

static enum trit_code embed(struct work *w, struct trit_text text, struct trit_error *error)
{
    const size_t context = trit_session_context(w->session);
    int32_t *ids;
    size_t n;
    enum trit_code code = encode(w, text, &ids, &n, error);
    if (code)
        return code;
    if (!n || n > context)
        code = trit_fail(error, TRIT_EARGUMENT, "text %zu: %zu tokens, must be 1 to %zu (-c)",
                         w->n + 1, n, context);
    if (!code)
        code = pool(w, ids, n, error);
    free(ids);
    if (code)
        return code;
    if (!w->options.raw)
        normalize(w);
    show(w, n);
    w->n++;
    return TRIT_OK;
}

static enum trit_code embed_lines(struct work *w, size_t bytes, struct trit_error *error)
{
    const char *at = w->text, *end = at + bytes;
    struct trit_progress progress;
    enum trit_code code = TRIT_OK;
    trit_progress_begin(&progress, "embedding");
    progress.active = progress.active && !w->options.quiet;
    while (at < end && !code) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t n = (size_t)((stop ? stop : end) - at);
        const char *next = at + n + 1;
        n -= n && at[n - 1] == '\r';
        code = n ? embed(w, (struct trit_text){ at, n }, error) : TRIT_OK;
        at = next;
        trit_progress_step(&progress, (uint64_t)(at - w->text), bytes);
    }
    trit_progress_end(&progress);
    return code;
}

/* What stands before the first vector, so that nothing does where there is none. */
static enum trit_code begin_json(struct work *w, struct trit_error *error)
{
    json_t *by = trit_judged_by(&w->engine);
    w->made = by ? json_dumps(by, JSON_COMPACT) : NULL;
    json_decref(by);
    return w->made ? TRIT_OK : trit_fail(error, TRIT_EMEMORY, "no memory for the results");
}

static enum trit_code embed_all(struct work *w, size_t bytes, struct trit_error *error)
{
    const char *prompt = w->options.prompt;
    enum trit_code code = begin_json(w, error);
    if (!code)
        code = prompt ? embed(w, (struct trit_text){ prompt, strlen(prompt) }, error)
                      : embed_lines(w, bytes, error);
    if (!code && !w->n)
        code = trit_fail(error, TRIT_EARGUMENT, "%s: has no text", w->options.file);
    if (w->options.output == JSON && w->n)
        puts("\n  ]}");
    return code;
}

static enum trit_code work(struct work *w, struct trit_error *error)
{
    size_t bytes = 0;
    if (w->options.output == BIN && isatty(1))
        return trit_fail(error, TRIT_EARGUMENT, "-o bin: not to a terminal: redirect stdout");
    enum trit_code code = trit_cli_open_model(&w->engine, w->options.model, error);
    trit_cli_layout(&w->engine, w->options.i2s);
    if (!code)
        code = trit_engine_load_tokenizer(&w->engine, error);
    if (!code)
        code = find_pooling(w, error);
    if (!code)
        w->eos = trit_tokenizer_add_eos(w->engine.tokenizer)
                     ? trit_tokenizer_eos(w->engine.tokenizer)
                     : -1;
    if (!code && w->options.file)
        code = trit_file_read(w->options.file, TRIT_TEXT_MAX, &w->text, &bytes, error);
    trit_catch_stop();
    if (!code)
        code = load(w, error);
    return code ? code : embed_all(w, bytes, error);
}

static int run(int argc, char **argv)
{
    struct work w = { 0 };
    enum trit_parse parse = trit_cli_parse(&trit_cmd_embed, argc, argv, &w.options, NULL);
    if (parse)
        return parse == TRIT_PARSE_HELP ? 0 : 2;
    struct trit_error error;
    const enum trit_code code = work(&w, &error);
    trit_session_free(w.session);
    trit_engine_close(&w.engine);
    free(w.text);
    free(w.made);
    free(w.states);
    free(w.vector);
    return code ? trit_cli_error(&error) : 0;
}

const struct trit_command trit_cmd_embed = {
    .name = "embed",
    .summary = "turn texts into vectors",
    .usage = "[-m FILE] (-p TEXT | -f FILE) [options]",
    .detail = detail,
    .options = options,
    .noptions = sizeof options / sizeof *options,
    .rules = rules,
    .nrules = sizeof rules / sizeof *rules,
    .run = run,
};
