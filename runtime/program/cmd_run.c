/* `tritmill run`: continues a text, streaming. */
#include "runtime/program/internal.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/base/file.h"
#include "runtime/base/mem.h"
#include "runtime/cli/commands.h"
#include "runtime/cli/open.h"
#include "runtime/cli/sampling.h"
#include "runtime/program/talk.h"

enum { LEAST_CONTEXT = 512, MAX_CONTEXT = 1 << 24 };

#define AT(member)          offsetof(struct trit_run_options, member)
#define AT_SAMPLING(member) AT(sampling.member)
static const struct trit_option options[] = {
    TRIT_MODEL_OPTION(AT(model)),
    { "-p,--prompt", TRIT_OPT_TEXT, AT(prompt), "TEXT", "the text to continue", 0, 0, NULL },
    { "-f,--file", TRIT_OPT_TEXT, AT(file), "FILE",
      "read it from a file (-: stdin); one newline at its end is dropped", 0, 0, NULL },
    { "-n,--predict;--n-predict", TRIT_OPT_INT, AT(predict), "N",
      "tokens to generate (default 128; -1: until the text ends)", -1, 1e9, NULL },
    { "-c,--ctx-size", TRIT_OPT_INT, AT(context), "N",
      "context in tokens (default: the model's, as far as it fits the free memory)", 0, MAX_CONTEXT,
      NULL },
    { "-t,--threads", TRIT_OPT_INT, AT(threads), "N", "threads (default: one per physical core)",
      -1, TRIT_MAX_THREADS, NULL },
    TRIT_SAMPLING_OPTIONS(AT_SAMPLING),
    { "--ignore-eos", TRIT_OPT_FLAG, AT(ignore_eos), NULL, "never choose an end token", 0, 0,
      NULL },
    { "-e,--escape", TRIT_OPT_FLAG, AT(escape), NULL,
      "\\n \\r \\t \\\" \\' \\\\ and \\xHH in -p stand for those characters", 0, 0, NULL },
    { "--no-escape", TRIT_OPT_FLAG, AT(no_escape), NULL,
      "they do not (default, except under the names below)", 0, 0, NULL },
    { "--no-special", TRIT_OPT_FLAG, AT(no_special), NULL,
      "control tokens written in the prompt are plain text", 0, 0, NULL },
    { "--no-display-prompt", TRIT_OPT_FLAG, AT(no_display_prompt), NULL,
      "write the continuation alone", 0, 0, NULL },
    { "--log-disable", TRIT_OPT_FLAG, AT(quiet), NULL, "nothing on stderr but errors", 0, 0, NULL },
    { "-o,--output", TRIT_OPT_CHOICE, AT(output), NULL,
      "text as it comes (default), or one JSON object at the end", 0, 0, "text|json" },
    { "--chunk", TRIT_OPT_INT, AT(chunk), "N", "prompt tokens evaluated together (default 256)", 1,
      65536, NULL },
    { "--draft", TRIT_OPT_CHOICE, AT(draft), NULL,
      "tokens tried several at a time, with the same text: by the file's prediction block (mtp), "
      "by "
      "what stood before (lookup), auto (mtp where the file has it, else lookup), none",
      0, 0, "auto|mtp|lookup|none" },
    { "--draft-n;--draft-max", TRIT_OPT_INT, AT(draft_n), "N",
      "draft N tokens at a time, by lookup at most (default: as they pay, at most 8 or 32)", 1,
      TRIT_LOOKUP_MAX, NULL },
    { "--sparse", TRIT_OPT_CHOICE, AT(sparse), NULL,
      "skip weights that meet zeros, with the same output: auto (as 'pack' measured), on, off", 0,
      0, "auto|on|off" },
    { "--kv-type", TRIT_OPT_CHOICE, AT(kv), NULL,
      "elements of the KV cache: f16 (default), i8 (half the size; changes the text a little)", 0,
      0, "f16|i8" },
    { "--profile", TRIT_OPT_TEXT, AT(profile), "FILE",
      "the profile that picks the kernels (none: by estimate; default: this machine's)", 0, 0,
      NULL },
    { "--chat", TRIT_OPT_FLAG, AT(chat), NULL,
      "the prompt is a message: its answer alone, by the model's chat template", 0, 0, NULL },
    TRIT_TALK_OPTIONS(AT),
    { "-b,--batch-size", TRIT_OPT_IGNORE, 0, "N", "", 0, 0, NULL },
    { "-ub,--ubatch-size", TRIT_OPT_IGNORE, 0, "N", "", 0, 0, NULL },
    { "-tb,--threads-batch", TRIT_OPT_IGNORE, 0, "N", "", 0, 0, NULL },
    { "-ngl,--gpu-layers,--n-gpu-layers", TRIT_OPT_IGNORE, 0, "N", "", 0, 0, NULL },
    { "--keep", TRIT_OPT_IGNORE, 0, "N", "", 0, 0, NULL },
    { "--draft-min,--draft-n-min", TRIT_OPT_IGNORE, 0, "N", "", 0, 0, NULL },
    { "--draft-p-min", TRIT_OPT_IGNORE, 0, "P", "", 0, 0, NULL },
    { "--color", TRIT_OPT_IGNORE, 0, NULL, "", 0, 0, NULL },
    { "--mlock", TRIT_OPT_IGNORE, 0, NULL, "", 0, 0, NULL },
    { "--no-mmap", TRIT_OPT_IGNORE, 0, NULL, "", 0, 0, NULL },
    { "--no-warmup", TRIT_OPT_IGNORE, 0, NULL, "", 0, 0, NULL },
    { "--simple-io", TRIT_OPT_IGNORE, 0, NULL, "", 0, 0, NULL },
    { "-no-cnv,--no-conversation", TRIT_OPT_IGNORE, 0, NULL, "", 0, 0, NULL },
};

static const struct trit_rule rules[] = {
    { TRIT_RULE_ONE, "-p,-f" },
    { TRIT_RULE_NEEDS, "-e,-p" },
    { TRIT_RULE_AGAINST, "-e,--no-escape" },
    { TRIT_RULE_AGAINST, "--no-escape,-f" },
    { TRIT_RULE_NEEDS, "--system,--chat" },
    { TRIT_RULE_NEEDS, "--think,--chat" },
    { TRIT_RULE_NEEDS, "--chat-template,--chat" },
    { TRIT_RULE_AGAINST, "--chat,--no-special,--ignore-eos" },
};

static const char detail[] =
    "Standard output gets the prompt and its continuation and nothing else; timings and the seed "
    "go\n"
    "to stderr. The same seed gives the same text, whatever the CPU, the threads, the chunks\n"
    "and the drafts.\n"
    "Ctrl-C ends the text early (exit code 130). Under the names bitnet and llama-cli the program\n"
    "takes this command's options, and -p understands escapes.";

/* All that a run holds; released at one place. */
struct run {
    struct trit_run_options options;
    struct trit_engine engine;
    struct trit_session *session;
    struct trit_sampler *sampler;
    struct trit_decoder *decoder;
    char *prompt; /* the text to continue */
    size_t prompt_bytes, nprompt;
    int32_t *ids;  /* of the prompt */
    int32_t *made; /* generated so far, limit at most */
    size_t nmade, limit, context;
    struct trit_utf8_stream utf8;
    struct trit_run_result result;
};

static void release(struct run *r)
{
    trit_decoder_free(r->decoder);
    trit_sampler_free(r->sampler);
    trit_session_free(r->session);
    trit_engine_close(&r->engine);
    free(r->prompt);
    free(r->ids);
    free(r->made);
}

/* -1: no hexadecimal digit. */
static int hex_digit(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c ? strchr(digits, tolower((unsigned char)c)) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* One escape at *s (after the backslash) into *out; what is no escape stays as written. */
static char *unescape_one(const char **s, char *out)
{
    static const char names[] = "nrt\"'\\", values[] = "\n\r\t\"'\\";
    const char *c = *s, *name = *c ? strchr(names, *c) : NULL;
    if (name) {
        *out++ = values[name - names];
        *s += 1;
    } else if (c[0] == 'x' && hex_digit(c[1]) >= 0 && hex_digit(c[2]) >= 0) {
        *out++ = (char)(hex_digit(c[1]) * 16 + hex_digit(c[2]));
        *s += 3;
    } else {
        *out++ = '\\';
    }
    return out;
}

/* In place: escapes only get shorter. Returns the new length. */
static size_t unescape(char *text)
{
    char *out = text;
    for (const char *s = text; *s;) {
        if (*s == '\\') {
            s++;
            out = unescape_one(&s, out);
        } else {
            *out++ = *s++;
        }
    }
    return (size_t)(out - text);
}

static enum trit_code read_prompt(struct run *r, struct trit_error *error)
{
    const struct trit_run_options *o = &r->options;
    if (o->file) {
        enum trit_code code =
            trit_file_read(o->file, TRIT_TEXT_MAX, &r->prompt, &r->prompt_bytes, error);
        if (!code && r->prompt_bytes && r->prompt[r->prompt_bytes - 1] == '\n')
            r->prompt_bytes--;
        return code;
    }
    r->prompt = strdup(o->prompt);
    if (!r->prompt)
        return trit_fail(error, TRIT_EMEMORY, "no memory for the prompt");
    r->prompt_bytes = o->escape ? unescape(r->prompt) : strlen(r->prompt);
    return TRIT_OK;
}

/* How long the sequence may become: of a context that is to fit the memory, at least. */
static enum trit_code size_context(struct run *r, struct trit_error *error)
{
    const struct trit_run_options *o = &r->options;
    const size_t model = r->engine.config.context,
                 wanted = r->nprompt + (o->predict > 0 ? (size_t)o->predict : 1),
                 usual = wanted > LEAST_CONTEXT ? wanted : LEAST_CONTEXT;
    r->context = o->context > 0 ? (size_t)o->context : usual < model ? usual : model;
    if (r->nprompt > r->context)
        return trit_fail(error, TRIT_EARGUMENT,
                         "the prompt has %zu tokens and the context %zu: shorten it, or raise the "
                         "context with -c",
                         r->nprompt, r->context);
    if (!r->nprompt)
        return trit_fail(error, TRIT_EARGUMENT,
                         "the prompt is empty, and this model has no token to begin with");
    return TRIT_OK;
}

/* How many tokens are made. */
static void size_text(struct run *r)
{
    const struct trit_run_options *o = &r->options;
    r->limit = r->context - r->nprompt + 1; /* the last token is not evaluated */
    if (o->predict >= 0 && (size_t)o->predict < r->limit)
        r->limit = (size_t)o->predict;
}

/* All that can go wrong for little work comes before the weights are packed. */
static enum trit_code prepare(struct run *r, struct trit_error *error)
{
    struct trit_engine *e = &r->engine;
    enum trit_code code = trit_cli_open_model(e, r->options.model, error);
    trit_cli_layout(e, r->options.i2s);
    e->sparse = r->options.sparse;
    e->kv = r->options.kv;
    if (!code)
        code = trit_engine_want_drafts(e, (enum trit_draft)r->options.draft, error);
    if (!code)
        code = trit_engine_load_tokenizer(e, error);
    if (!code)
        code = trit_engine_encode(e, (struct trit_text){ r->prompt, r->prompt_bytes },
                                  !r->options.no_special, &r->ids, &r->nprompt, error);
    if (!code)
        code = size_context(r, error);
    if (!code && e->own_bos && !r->options.quiet)
        fputs("tritmill: the prompt begins with BOS: no second one is added\n", stderr);
    return code;
}

static enum trit_code create_sampler(struct run *r, struct trit_error *error)
{
    const struct trit_sampling sampling =
        trit_cli_sampling(&r->options.sampling, &r->engine.sampling);
    r->result.seed = sampling.seed;
    return trit_sampler_create(&r->sampler, &sampling, r->engine.config.vocab, error);
}

static enum trit_code load(struct run *r, struct trit_error *error)
{
    struct trit_engine *e = &r->engine;
    enum trit_code code = create_sampler(r, error);
    e->wanted = r->options.profile;
    size_t chunk = (size_t)r->options.chunk < r->context ? (size_t)r->options.chunk : r->context;
    e->sequences = 1;
    e->context = r->context;
    e->fit = r->options.context <= 0;
    e->chunk = chunk;
    if (!code)
        code = trit_cli_load_model(e, r->options.threads, r->options.quiet, error);
    r->context = e->context;
    size_text(r);
    if (!code)
        code = trit_session_create(&r->session, e->model, r->context, chunk, error);
    if (!code)
        code = trit_decoder_create(
            &r->decoder, e->model, r->session, r->sampler,
            (struct trit_drafting){ (enum trit_draft)r->options.draft, (size_t)r->options.draft_n },
            error);
    if (code)
        return code;
    r->made = trit_alloc(r->limit + 1, sizeof *r->made);
    if (!r->made)
        return trit_fail(error, TRIT_EMEMORY, "no memory for %zu tokens", r->limit);
    r->result.load = e->load_seconds;
    r->result.passes = trit_decoder_stats(r->decoder);
    return TRIT_OK;
}

static bool streams(const struct run *r)
{
    return r->options.output == TRIT_RUN_TEXT;
}

/* False when stdout takes no more. */
static bool show(const struct run *r, const char *bytes, size_t n)
{
    if (!streams(r))
        return true;
    fwrite(bytes, 1, n, stdout);
    return trit_cli_flush();
}

static bool show_token(struct run *r, int32_t token)
{
    struct trit_text piece = trit_tokenizer_decode(r->engine.tokenizer, token, false);
    char *out = malloc(piece.n + 4);
    if (!out)
        return false;
    bool fine = show(r, out, trit_utf8_feed(&r->utf8, piece, out));
    free(out);
    return fine;
}

static void show_rest(struct run *r)
{
    char out[4];
    show(r, out, trit_utf8_flush(&r->utf8, out));
    if (streams(r) && isatty(1))
        putchar('\n'); /* for the shell's next line; a file gets the text alone */
}

/* A token is kept and shown. Says what ends the text with it, if anything does. */
static enum trit_run_stop take_token(struct run *r, int32_t token)
{
    if (trit_tokenizer_is_end(r->engine.tokenizer, token))
        return TRIT_RUN_END;
    r->made[r->nmade++] = token;
    if (!show_token(r, token))
        return TRIT_RUN_CLOSED;
    if (trit_stopped())
        return TRIT_RUN_INTERRUPT;
    if (r->nmade < r->limit)
        return TRIT_RUN_ON;
    return r->nmade == (size_t)r->options.predict ? TRIT_RUN_LENGTH : TRIT_RUN_CONTEXT;
}

static enum trit_code decode(struct run *r, struct trit_error *error)
{
    enum trit_code code = TRIT_OK;
    r->result.stop = r->limit ? TRIT_RUN_ON : TRIT_RUN_LENGTH;
    while (r->result.stop == TRIT_RUN_ON && !code) {
        int32_t token;
        code = trit_decoder_next(r->decoder, r->limit - r->nmade, &token, error);
        if (!code)
            r->result.stop = take_token(r, token);
    }
    const size_t chosen = r->nmade + (r->result.stop == TRIT_RUN_END);
    r->result.decoded = chosen ? chosen - 1 : 0;
    return code;
}

static enum trit_code generate(struct run *r, struct trit_error *error)
{
    double begin = trit_now();
    if (!r->options.no_display_prompt)
        show(r, r->prompt, r->prompt_bytes);
    if (r->options.ignore_eos)
        trit_engine_ban_ends(&r->engine, r->sampler);
    trit_decoder_tell(r->decoder, r->ids, r->nprompt);
    enum trit_code code = trit_decoder_feed(r->decoder, r->ids, r->nprompt, error);
    double filled = trit_now();
    r->result.prefill = filled - begin;
    if (code == TRIT_ESTOPPED) {
        r->result.stop = TRIT_RUN_INTERRUPT;
        return TRIT_OK;
    }
    if (!code)
        code = decode(r, error);
    r->result.decode = trit_now() - filled;
    show_rest(r);
    return code;
}

static enum trit_code report(struct run *r, double begin, struct trit_error *error)
{
    struct trit_run_result *result = &r->result;
    result->model = r->engine.path;
    result->cache = trit_engine_cache_used(&r->engine);
    result->tokenizer = r->engine.tokenizer;
    result->threads = trit_pool_threads(r->engine.pool);
    result->prompt = (struct trit_text){ r->prompt, r->prompt_bytes };
    result->nprompt = r->nprompt;
    result->context = r->context;
    result->trained = r->engine.config.context;
    result->tokens = r->made;
    result->ntokens = r->nmade;
    result->total = trit_now() - begin;
    if (!streams(r))
        return trit_run_json(result, error);
    if (!r->options.quiet)
        trit_run_summary(result);
    return TRIT_OK;
}

static int run(int argc, char **argv)
{
    struct run r = { .options = {
                         .predict = 128, .chunk = 256, .sampling = trit_cli_sampling_none() } };
    enum trit_parse parse = trit_cli_parse(&trit_cmd_run, argc, argv, &r.options, NULL);
    if (parse)
        return parse == TRIT_PARSE_HELP ? 0 : 2;
    bool foreign = strcmp(argv[0], trit_cmd_run.name) != 0;
    r.options.escape = (r.options.escape || foreign) && !r.options.no_escape;
    double begin = trit_now();
    struct trit_error error;
    enum trit_code code = read_prompt(&r, &error);
    if (r.options.chat) {
        if (!code)
            code =
                trit_run_chat(&r.options, (struct trit_text){ r.prompt, r.prompt_bytes }, &error);
        release(&r);
        return code ? trit_cli_error(&error) : 0;
    }
    if (!code)
        code = prepare(&r, &error);
    trit_catch_stop(); /* after stdin is read: there Ctrl-C just ends the program */
    if (!code)
        code = load(&r, &error);
    if (!code)
        code = generate(&r, &error);
    if (!code)
        code = report(&r, begin, &error);
    release(&r);
    return code ? trit_cli_error(&error) : 0;
}

const struct trit_command trit_cmd_run = {
    .name = "run",
    .summary = "continue a text, streaming",
    .usage = "[-m FILE] (-p TEXT | -f FILE) [options]",
    .detail = detail,
    .options = options,
    .noptions = sizeof options / sizeof *options,
    .rules = rules,
    .nrules = sizeof rules / sizeof *rules,
    .run = run,
};
