/* `tritmill perplexity`: a model's perplexity on a text, by llama.cpp's definition: the tokens
   of the text are cut into chunks of c; a chunk's first token is replaced by BOS where the model
   has one; the tokens after its middle one are scored, each by the logits before it; the rest, too
   short for a chunk, is left out. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/base/file.h"
#include "runtime/base/math.h"
#include "runtime/base/mem.h"
#include "runtime/cli/commands.h"
#include "runtime/cli/json.h"
#include "runtime/cli/open.h"

enum output { TEXT, JSON };
enum {
    DEFAULT_CONTEXT = 512,
    PREFILL = 256,
    LOGITS = 1 << 23
}; /* LOGITS: floats held at a time, about */

struct options {
    const char *model, *file, *profile;
    int context, threads, chunks, output, kv;
    bool quiet;
};

#define AT(member) offsetof(struct options, member)
static const struct trit_option options[] = {
    { "-m,--model", TRIT_OPT_TEXT, AT(model), "FILE",
      "the model, a GGUF file or a name (default: the bundled TinyStories model)", 0, 0, NULL },
    { "-f,--file", TRIT_OPT_TEXT, AT(file), "FILE", "the text (-: stdin)", 0, 0, NULL },
    { "-c,--ctx-size", TRIT_OPT_INT, AT(context), "N",
      "tokens in a chunk (default 512, or the model's context if less)", 4, 1 << 20, NULL },
    { "--chunks", TRIT_OPT_INT, AT(chunks), "N", "at most N chunks (default: all)", -1, 1e9, NULL },
    { "-t,--threads", TRIT_OPT_INT, AT(threads), "N", "threads (default: one per physical core)",
      -1, TRIT_MAX_THREADS, NULL },
    { "--log-disable", TRIT_OPT_FLAG, AT(quiet), NULL, "no running value", 0, 0, NULL },
    { "-o,--output", TRIT_OPT_CHOICE, AT(output), NULL,
      "one line (default), or a JSON object with every chunk", 0, 0, "text|json" },
    { "--kv-type", TRIT_OPT_CHOICE, AT(kv), NULL,
      "elements of the KV cache: f16 (default), i8 (half the size, faster, changes the figure a "
      "little)",
      0, 0, "f16|i8" },
    { "--profile", TRIT_OPT_TEXT, AT(profile), "FILE",
      "the profile that picks the kernels (none: by estimate; default: this machine's)", 0, 0,
      NULL },
    { "-b,--batch-size", TRIT_OPT_IGNORE, 0, "N", "", 0, 0, NULL },
    { "-ub,--ubatch-size", TRIT_OPT_IGNORE, 0, "N", "", 0, 0, NULL },
    { "-ngl,--gpu-layers,--n-gpu-layers", TRIT_OPT_IGNORE, 0, "N", "", 0, 0, NULL },
    { "--no-warmup", TRIT_OPT_IGNORE, 0, NULL, "", 0, 0, NULL },
};

static const struct trit_rule rules[] = {
    { TRIT_RULE_SOME, "-f" },
};

static const char detail[] = "llama.cpp's definition: the tokens of the text are cut into chunks "
                             "of N, the first of each is\n"
                             "replaced by BOS where the model has one, and the second half of each "
                             "is scored. The perplexity\n"
                             "so far goes to stderr after every chunk, as [1]9.1234,[2]...; the "
                             "last line, on stdout, adds the\n"
                             "standard error. The figures do not depend on threads or CPU.";

struct work {
    struct options options;
    struct trit_engine engine;
    struct trit_session *session;
    int32_t *ids;
    size_t nids, context, slice; /* slice: positions whose logits are held at a time */
    float *logits;               /* slice * vocab */
    double *nll;                 /* of the slice's positions */
    double sum, sum2;
    size_t scored, nchunks, done;
    double *running; /* perplexity after each chunk */
    double seconds;
};

static void release(struct work *w)
{
    trit_session_free(w->session);
    trit_engine_close(&w->engine);
    free(w->ids);
    free(w->logits);
    free(w->nll);
    free(w->running);
}

static enum trit_code read_text(struct work *w, struct trit_error *error)
{
    char *text;
    size_t bytes;
    enum trit_code code = trit_file_read(w->options.file, TRIT_TEXT_MAX, &text, &bytes, error);
    if (code)
        return code;
    code = trit_tokenizer_encode(w->engine.tokenizer, (struct trit_text){ text, bytes }, false,
                                 &w->ids, &w->nids, error);
    free(text);
    return code;
}

static enum trit_code cut(struct work *w, struct trit_error *error)
{
    size_t model = w->engine.config.context;
    size_t usual = model < DEFAULT_CONTEXT ? model : DEFAULT_CONTEXT;
    w->context = w->options.context ? (size_t)w->options.context : usual;
    w->nchunks = w->nids / w->context;
    if (!w->nchunks)
        return trit_fail(
            error, TRIT_EARGUMENT,
            "%s: %zu tokens are less than one chunk of %zu: take a longer text or a smaller -c",
            w->options.file, w->nids, w->context);
    if (w->options.chunks > 0 && (size_t)w->options.chunks < w->nchunks)
        w->nchunks = (size_t)w->options.chunks;
    size_t half = w->context - w->context / 2 - 1, fit = LOGITS / w->engine.config.vocab + 1;
    w->slice = half < fit ? half : fit;
    return TRIT_OK;
}

static enum trit_code load(struct work *w, struct trit_error *error)
{
    struct trit_engine *e = &w->engine;
    size_t vocab = e->config.vocab, floats;
    e->wanted = w->options.profile;
    e->kv = w->options.kv;
    size_t chunk = w->context < PREFILL ? w->context : PREFILL;
    e->sequences = 1;
    e->context = w->context;
    e->chunk = chunk;
    enum trit_code code = trit_cli_load_model(e, w->options.threads, w->options.quiet, error);
    if (!code)
        code = trit_session_create(&w->session, e->model, w->context, chunk, error);
    if (code)
        return code;
    w->logits = trit_mul(w->slice, vocab, &floats) ? trit_alloc(floats, sizeof *w->logits) : NULL;
    w->nll = trit_alloc(w->slice, sizeof *w->nll);
    w->running = trit_alloc(w->nchunks, sizeof *w->running);
    if (!w->logits || !w->nll || !w->running)
        return trit_fail(error, TRIT_EMEMORY, "no memory for logits");
    return TRIT_OK;
}

/* What score_rows needs: row i of logits predicts next[i]. */
struct rows {
    const float *logits;
    size_t vocab;
    const int32_t *next;
    double *nll;
};

static void score_rows(void *arg, size_t begin, size_t end, int thread)
{
    const struct rows *r = arg;
    (void)thread;
    for (size_t i = begin; i < end; i++) {
        const float *row = r->logits + i * r->vocab;
        float most = row[0];
        for (size_t v = 1; v < r->vocab; v++)
            most = row[v] > most ? row[v] : most;
        double sum = 0;
        for (size_t v = 0; v < r->vocab; v++)
            sum += trit_exp((double)row[v] - most);
        r->nll[i] = trit_log(sum) + most - row[r->next[i]];
    }
}

/* Evaluates n tokens of a chunk and adds the scores of the tokens that follow them. */
static enum trit_code score(struct work *w, const int32_t *tokens, size_t n,
                            struct trit_error *error)
{
    enum trit_code code = trit_session_eval(w->session, tokens, n, 0, w->logits, error);
    if (code)
        return code;
    struct rows rows = { w->logits, w->engine.config.vocab, tokens + 1, w->nll };
    trit_pool_for(w->engine.pool, n, 1, score_rows, &rows);
    for (size_t i = 0; i < n; i++) {
        w->sum += w->nll[i];
        w->sum2 += w->nll[i] * w->nll[i];
    }
    w->scored += n;
    return TRIT_OK;
}

static enum trit_code run_chunk(struct work *w, int32_t *tokens, struct trit_error *error)
{
    const struct trit_tokenizer *tokenizer = w->engine.tokenizer;
    if (trit_tokenizer_add_bos(tokenizer) && trit_tokenizer_bos(tokenizer) >= 0)
        tokens[0] = trit_tokenizer_bos(tokenizer);
    size_t middle = w->context / 2, last = w->context - 1; /* nothing is asked of the last one */
    trit_session_rewind(w->session, 0);
    const struct trit_run first = {
        .session = w->session, .tokens = tokens, .count = middle, .first = middle
    };
    enum trit_code code = trit_session_prefill(&first, error);
    for (size_t at = middle; at < last && !code; at += w->slice) {
        if (trit_stopped())
            return trit_fail(error, TRIT_ESTOPPED, "stopped");
        code = score(w, tokens + at, last - at < w->slice ? last - at : w->slice, error);
    }
    return code;
}

static enum trit_code run_chunks(struct work *w, struct trit_error *error)
{
    double begin = trit_now();
    enum trit_code code = TRIT_OK;
    for (; w->done < w->nchunks && !code; w->done += !code) {
        code = run_chunk(w, w->ids + w->done * w->context, error);
        if (code)
            break;
        w->running[w->done] = trit_exp(w->sum / (double)w->scored);
        if (!w->options.quiet)
            fprintf(stderr, "[%zu]%.4f,", w->done + 1, w->running[w->done]);
    }
    if (!w->options.quiet && w->done)
        fputc('\n', stderr);
    w->seconds = trit_now() - begin;
    return code;
}

/* The standard error of the mean NLL, carried over to its exponential. */
static double standard_error(const struct work *w, double perplexity)
{
    double n = (double)w->scored, mean = w->sum / n, variance = w->sum2 / n - mean * mean;
    return variance > 0 && n > 1 ? sqrt(variance / (n - 1)) * perplexity : 0;
}

static enum trit_code report_json(const struct work *w, double perplexity, struct trit_error *error)
{
    json_t *running = json_array();
    for (size_t i = 0; i < w->done; i++)
        json_array_append_new(running, json_real(w->running[i]));
    struct trit_text model = { w->engine.path, strlen(w->engine.path) };
    struct trit_text file = { w->options.file, strlen(w->options.file) };
    const char *cache = trit_engine_cache_used(&w->engine);
    json_t *json = json_pack(
        "{so ss? so sf sf sf sI sI sI sI sf so}", "model", trit_json_text(model), "packed_cache",
        cache, "file", trit_json_text(file), "perplexity", perplexity, "error",
        standard_error(w, perplexity), "nll", w->sum / (double)w->scored, "context",
        (json_int_t)w->context, "chunks", (json_int_t)w->done, "tokens", (json_int_t)w->nids,
        "scored_tokens", (json_int_t)w->scored, "seconds", w->seconds, "running", running);
    return trit_json_print(json, error);
}

static enum trit_code report(const struct work *w, struct trit_error *error)
{
    const double nll = w->sum / (double)w->scored, perplexity = trit_exp(nll);
    if (!isfinite(perplexity))
        return trit_fail(error, TRIT_EFORMAT,
                         "%s: no perplexity: the mean negative log-likelihood is %g",
                         w->engine.path, nll);
    if (w->options.output == JSON)
        return report_json(w, perplexity, error);
    printf("Final estimate: PPL = %.4f +/- %.5f\n", perplexity, standard_error(w, perplexity));
    return TRIT_OK;
}

static enum trit_code work(struct work *w, struct trit_error *error)
{
    enum trit_code code = trit_cli_open_model(&w->engine, w->options.model, error);
    if (!code)
        code = trit_engine_load_tokenizer(&w->engine, error);
    if (!code)
        code = read_text(w, error);
    trit_catch_stop(); /* after stdin is read: there Ctrl-C just ends the program */
    if (!code)
        code = cut(w, error);
    if (!code)
        code = load(w, error);
    if (!code)
        code = run_chunks(w, error);
    return code ? code : report(w, error);
}

static int run(int argc, char **argv)
{
    struct work w = { 0 };
    enum trit_parse parse = trit_cli_parse(&trit_cmd_perplexity, argc, argv, &w.options, NULL);
    if (parse)
        return parse == TRIT_PARSE_HELP ? 0 : 2;
    struct trit_error error;
    enum trit_code code = work(&w, &error);
    release(&w);
    return code ? trit_cli_error(&error) : 0;
}

const struct trit_command trit_cmd_perplexity = {
    .name = "perplexity",
    .summary = "measure a model's perplexity on a text",
    .usage = "[-m FILE] -f TEXT [options]",
    .detail = detail,
    .options = options,
    .noptions = sizeof options / sizeof *options,
    .rules = rules,
    .nrules = sizeof rules / sizeof *rules,
    .run = run,
};
