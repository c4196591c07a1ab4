/* `tritmill perplexity`: a model's perplexity on a text, by llama.cpp's definition: the tokens
   of the text are cut into chunks of c; a chunk's first token is replaced by BOS where the model
   has one; the tokens after its middle one are scored, each by the logits before it; the rest, too
   short for a chunk, is left out. With a stride chunks overlap, and the last tokens of each are
   scored. Logits are saved, and a model is compared with saved ones. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/base/file.h"
#include "runtime/base/math.h"
#include "runtime/base/mem.h"
#include "runtime/cli/commands.h"
#include "runtime/cli/json.h"
#include "runtime/judge/internal.h"

enum output { TEXT, JSON };
enum { DEFAULT_CONTEXT = 512 };

struct options {
    const char *model, *file, *profile, *base;
    int context, threads, chunks, stride, output, kv, i2s;
    bool quiet, compare, special;
};

#define AT(member) offsetof(struct options, member)
static const struct trit_option options[] = {
    TRIT_MODEL_OPTION(AT(model)),
    { "-f,--file", TRIT_OPT_TEXT, AT(file), "FILE", "the text (-: stdin)", 0, 0, NULL },
    { "--parse-special", TRIT_OPT_FLAG, AT(special), NULL,
      "control tokens that are written in the text, <|endoftext|>, are tokens there (default: "
      "characters)",
      0, 0, NULL },
    { "-c,--ctx-size", TRIT_OPT_INT, AT(context), "N",
      "tokens in a chunk (default 512, or the model's context if less)", 4, 1 << 20, NULL },
    { "--chunks", TRIT_OPT_INT, AT(chunks), "N", "at most N chunks (default: all)", -1, 1e9, NULL },
    { "--stride;--ppl-stride", TRIT_OPT_INT, AT(stride), "N",
      "chunks begin N tokens after one another, the last N of each are scored (default: chunks do "
      "not overlap, their second halves are scored)",
      1, 1 << 20, NULL },
    { "--kl-base;--kl-divergence-base;--save-all-logits", TRIT_OPT_TEXT, AT(base), "FILE",
      "save the logits there (about 2 bytes x vocabulary for each scored token)", 0, 0, NULL },
    { "--kl-divergence", TRIT_OPT_FLAG, AT(compare), NULL,
      "compare with the logits saved in --kl-base, on the text and chunks that it has", 0, 0,
      NULL },
    { "-t,--threads", TRIT_OPT_INT, AT(threads), "N", "threads (default: one per physical core)",
      -1, TRIT_MAX_THREADS, NULL },
    { "--log-disable", TRIT_OPT_FLAG, AT(quiet), NULL, "no running value", 0, 0, NULL },
    { "-o,--output", TRIT_OPT_CHOICE, AT(output), NULL,
      "one line (default), or a JSON object with every chunk", 0, 0, "text|json" },
    { "--kv-type", TRIT_OPT_CHOICE, AT(kv), NULL,
      "elements of the KV cache: f16 (default), i8 (half the size, faster, changes the figure a "
      "little)",
      0, 0, "f16|i8" },
    TRIT_LAYOUT_OPTION(AT(i2s)),
    { "--profile", TRIT_OPT_TEXT, AT(profile), "FILE",
      "the profile that picks the kernels (none: by estimate; default: this machine's)", 0, 0,
      NULL },
    { "-b,--batch-size", TRIT_OPT_IGNORE, 0, "N", "", 0, 0, NULL },
    { "-ub,--ubatch-size", TRIT_OPT_IGNORE, 0, "N", "", 0, 0, NULL },
    { "-ngl,--gpu-layers,--n-gpu-layers", TRIT_OPT_IGNORE, 0, "N", "", 0, 0, NULL },
    { "--no-warmup", TRIT_OPT_IGNORE, 0, NULL, "", 0, 0, NULL },
};

static const struct trit_rule rules[] = {
    { TRIT_RULE_SOME, "-f,--kl-divergence" },
    { TRIT_RULE_NEEDS, "--kl-divergence,--kl-base" },
    { TRIT_RULE_AGAINST, "--kl-divergence,-f,-c,--stride,--parse-special" },
    { TRIT_RULE_AGAINST, "--kl-base,--stride" },
};

static const char detail[] = "llama.cpp's definition: the tokens of the text are cut into chunks "
                             "of N, the first of each is\n"
                             "replaced by BOS where the model has one, and the second half of each "
                             "is scored. The perplexity\n"
                             "so far goes to stderr after every chunk, as [1]9.1234,[2]...; the "
                             "last line, on stdout, adds the\n"
                             "standard error. The figures do not depend on threads or CPU.\n"
                             "\n"
                             "Saved logits are in the form of llama.cpp's --kl-divergence-base, "
                             "and either reads the other's. Compared\n"
                             "with them, a model shows its Kullback-Leibler divergence, how often "
                             "its best token is the base's, and how\n"
                             "far the probabilities of the text's tokens are from the base's.";

struct work {
    struct options options;
    struct trit_engine engine;
    struct trit_chunks chunks;
    struct trit_chunk_work eval;
    double *nll;          /* of a slice's positions */
    struct trit_mean sum; /* of all */
    struct trit_file *save;
    uint16_t *rows; /* of a slice: saved, or read */
    struct trit_base base;
    struct trit_divergence divergence;
    struct trit_far *far; /* of a slice */
    size_t done;
    double *running; /* perplexity after each chunk */
    double seconds;
};

static void release(struct work *w)
{
    trit_chunk_work_free(&w->eval);
    trit_engine_close(&w->engine);
    trit_base_close(&w->base);
    trit_divergence_free(&w->divergence);
    trit_file_abandon(w->save);
    free(w->chunks.ids);
    free(w->nll);
    free(w->rows);
    free(w->far);
    free(w->running);
}

static enum trit_code read_text(struct work *w, struct trit_error *error)
{
    char *text;
    size_t bytes;
    enum trit_code code = trit_file_read(w->options.file, TRIT_TEXT_MAX, &text, &bytes, error);
    if (code)
        return code;
    code = trit_tokenizer_encode(w->engine.tokenizer, (struct trit_text){ text, bytes },
                                 w->options.special, &w->chunks.ids, &w->chunks.nids, error);
    free(text);
    return code;
}

/* The chunks of a text: as the options say. */
static enum trit_code cut(struct work *w, struct trit_error *error)
{
    const size_t model = w->engine.config.context,
                 usual = model < DEFAULT_CONTEXT ? model : DEFAULT_CONTEXT,
                 stride = (size_t)w->options.stride;
    struct trit_chunks *c = &w->chunks;
    enum trit_code code = read_text(w, error);
    if (code)
        return code;
    c->context = w->options.context ? (size_t)w->options.context : usual;
    c->step = stride ? stride : c->context;
    if (stride >= c->context)
        return trit_fail(error, TRIT_EARGUMENT, "--stride %zu: must be less than %zu, the chunk's",
                         stride, c->context);
    c->first = stride ? c->context - stride - 1 : c->context / 2;
    c->n = c->nids < c->context ? 0 : (c->nids - c->context) / c->step + 1;
    if (!c->n)
        return trit_fail(
            error, TRIT_EARGUMENT,
            "%s: %zu tokens are less than one chunk of %zu: take a longer text or a smaller -c",
            w->options.file, c->nids, c->context);
    return TRIT_OK;
}

/* Those of saved logits. */
static enum trit_code take_base(struct work *w, struct trit_error *error)
{
    struct trit_chunks *c = &w->chunks;
    struct trit_base *b = &w->base;
    enum trit_code code = trit_base_open(b, w->options.base, w->engine.config.vocab, error);
    if (code)
        return code;
    *c = (struct trit_chunks){ .ids = b->ids,
                               .nids = b->shape.context * b->shape.chunks,
                               .context = b->shape.context,
                               .step = b->shape.context,
                               .first = b->shape.context / 2,
                               .n = b->shape.chunks };
    b->ids = NULL;
    return TRIT_OK;
}

/* Header and tokens of what is saved. */
static enum trit_code begin_saving(struct work *w, struct trit_error *error)
{
    const struct trit_chunks *c = &w->chunks;
    const int32_t sizes[] = { (int32_t)c->context, (int32_t)w->engine.config.vocab, (int32_t)c->n };
    enum trit_code code =
        trit_file_create_as(&w->save, w->options.base, &trit_output_logits, error);
    if (code)
        return code;
    trit_file_write(w->save, "_logits_", 8);
    trit_file_write(w->save, sizes, sizeof sizes);
    trit_file_write(w->save, c->ids, c->n * c->context * sizeof *c->ids);
    return TRIT_OK;
}

static enum trit_code load(struct work *w, struct trit_error *error)
{
    struct trit_engine *e = &w->engine;
    const struct trit_chunks *c = &w->chunks;
    e->wanted = w->options.profile;
    e->kv = w->options.kv;
    e->sequences = 1;
    e->context = c->context;
    e->chunk = c->context < TRIT_JUDGE_CHUNK ? c->context : TRIT_JUDGE_CHUNK;
    enum trit_code code = trit_cli_load_model(e, w->options.threads, w->options.quiet, error);
    if (!code)
        code = trit_chunk_work_create(&w->eval, e, c, error);
    if (code)
        return code;
    const size_t slice = w->eval.slice, positions = c->n * (c->context - 1 - c->first);
    w->nll = trit_alloc(slice, sizeof *w->nll);
    w->running = trit_alloc(c->n, sizeof *w->running);
    w->rows =
        trit_alloc(w->options.base ? slice : 1, trit_base_row(e->config.vocab) * sizeof *w->rows);
    w->far = trit_alloc(slice, sizeof *w->far);
    if (!w->nll || !w->running || !w->rows || !w->far ||
        (w->options.compare && !trit_divergence_create(&w->divergence, positions)))
        return trit_fail(error, TRIT_EMEMORY, "no memory for logits");
    return w->options.base && !w->options.compare ? begin_saving(w, error) : TRIT_OK;
}

struct saving {
    const struct work *w;
    const float *logits;
};

static void encode_some(void *arg, size_t begin, size_t end, int thread)
{
    const struct saving *s = arg;
    const size_t vocab = s->w->engine.config.vocab;
    (void)thread;
    for (size_t i = begin; i < end; i++)
        trit_base_encode(s->logits + i * vocab, vocab, s->w->rows + i * trit_base_row(vocab));
}

/* Scores the tokens that followed n rows of logits; saves or compares these. */
static enum trit_code score(void *arg, const float *logits, const int32_t *next, size_t n,
                            struct trit_error *error)
{
    struct work *w = arg;
    const size_t vocab = w->engine.config.vocab;
    struct saving saving = { w, logits };
    trit_score_rows(w->engine.pool, logits, vocab, next, n, w->nll);
    for (size_t i = 0; i < n; i++)
        trit_mean_add(&w->sum, w->nll[i]);
    if (w->save) {
        trit_pool_for(w->engine.pool, n, 1, encode_some, &saving);
        trit_file_write(w->save, w->rows, n * trit_base_row(vocab) * sizeof *w->rows);
    }
    if (!w->options.compare)
        return TRIT_OK;
    const enum trit_code code = trit_base_read(&w->base, n, w->rows, error);
    if (!code) {
        trit_divergence_rows(w->engine.pool,
                             &(struct trit_compared){ logits, vocab, n, w->rows, next, w->far });
        trit_divergence_add(&w->divergence, w->far, n);
    }
    return code;
}

static enum trit_code run_chunks(struct work *w, struct trit_error *error)
{
    double begin = trit_now();
    enum trit_code code = TRIT_OK;
    for (; w->done < w->chunks.n && !code; w->done += !code) {
        code = trit_chunk_eval(&w->eval, &w->chunks, w->done, score, w, error);
        if (code)
            break;
        w->running[w->done] = trit_exp(trit_mean_of(&w->sum));
        if (!w->options.quiet)
            fprintf(stderr, "[%zu]%.4f,", w->done + 1, w->running[w->done]);
    }
    if (!w->options.quiet && w->done)
        fputc('\n', stderr);
    w->seconds = trit_now() - begin;
    if (!code && w->save) {
        code = trit_file_commit(w->save, error);
        w->save = NULL;
    }
    return code;
}

static enum trit_code report_json(struct work *w, double perplexity, struct trit_error *error)
{
    const struct trit_chunks *c = &w->chunks;
    const char *from = w->options.compare ? w->options.base : w->options.file;
    const struct trit_text file = { from, strlen(from) };
    json_t *running = json_array(), *json = trit_judged_by(&w->engine);
    for (size_t i = 0; i < w->done; i++)
        json_array_append_new(running, json_real(w->running[i]));
    json_t *figures = json_pack(
        "{so sf sf sf sI sI sI sI sf}", "file", trit_json_text(file), "perplexity", perplexity,
        "error", trit_mean_error(&w->sum) * perplexity, "nll", trit_mean_of(&w->sum), "context",
        (json_int_t)c->context, "chunks", (json_int_t)w->done, "tokens", (json_int_t)c->nids,
        "scored_tokens", (json_int_t)w->sum.n, "seconds", w->seconds);
    json_object_update(json, figures);
    json_decref(figures);
    json_object_set_new(json, "running", running);
    if (w->options.stride)
        json_object_set_new(json, "stride", json_integer(w->options.stride));
    if (w->options.compare)
        json_object_set_new(json, "divergence", trit_divergence_json(&w->divergence));
    return trit_json_print(json, error);
}

static enum trit_code report(struct work *w, struct trit_error *error)
{
    const double nll = trit_mean_of(&w->sum), perplexity = trit_exp(nll);
    if (!isfinite(perplexity))
        return trit_fail(error, TRIT_EFORMAT,
                         "%s: no perplexity: the mean negative log-likelihood is %g",
                         w->engine.path, nll);
    if (w->options.output == JSON)
        return report_json(w, perplexity, error);
    if (w->options.compare) {
        trit_divergence_print(&w->divergence);
        trit_judged_print(&w->engine);
        return TRIT_OK;
    }
    printf("Final estimate: PPL = %.4f +/- %.5f\n", perplexity,
           trit_mean_error(&w->sum) * perplexity);
    return TRIT_OK;
}

/* Before long work: where logits are saved. */
static enum trit_code check_output(const struct work *w, struct trit_error *error)
{
    const char *const inputs[] = { w->engine.path, w->options.file };
    if (!w->options.base || w->options.compare)
        return TRIT_OK;
    return trit_output_check(w->options.base, &trit_output_logits, inputs, 2, error);
}

static enum trit_code work(struct work *w, struct trit_error *error)
{
    enum trit_code code = trit_cli_open_model(&w->engine, w->options.model, error);
    trit_cli_layout(&w->engine, w->options.i2s);
    if (!code)
        code = trit_engine_load_tokenizer(&w->engine, error);
    if (!code)
        code = check_output(w, error);
    if (!code)
        code = w->options.compare ? take_base(w, error) : cut(w, error);
    if (!code && w->options.chunks > 0 && (size_t)w->options.chunks < w->chunks.n)
        w->chunks.n = (size_t)w->options.chunks;
    trit_catch_stop(); /* after stdin is read: there Ctrl-C just ends the program */
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
