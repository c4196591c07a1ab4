/* `tritmill bench`: speeds of prefill and decode beside the limits of the machine, which are
 * measured in between. */
#include "autotune/cmd_bench.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "autotune/limits.h"
#include "runtime/cli_plan.h"
#include "runtime/commands.h"
#include "runtime/cpu.h"
#include "runtime/mem.h"

struct options {
    const char *model, *profile;
    struct trit_ints prompt, gen, depth, threads, chunk;
    int repetitions, output;
    bool no_warmup, plan;
};

#define AT(member) offsetof(struct options, member)
static const struct trit_option options[] = {
    { "-m,--model", TRIT_OPT_TEXT, AT(model), "FILE",
      "the model, a GGUF file (default: the small one that came along)", 0, 0, NULL },
    { "-p,--n-prompt", TRIT_OPT_INTS, AT(prompt), "N,..",
      "prompt lengths to evaluate (default 512; 0: none)", 0, 1 << 24, NULL },
    { "-n,--n-gen", TRIT_OPT_INTS, AT(gen), "N,..", "lengths to generate (default 128; 0: none)", 0,
      1 << 24, NULL },
    { "-d,--n-depth", TRIT_OPT_INTS, AT(depth), "N,..",
      "tokens that are in the context before (default 0)", 0, 1 << 24, NULL },
    { "-t,--threads", TRIT_OPT_INTS, AT(threads), "N,..",
      "thread counts (default: one per physical core)", 1, TRIT_MAX_THREADS, NULL },
    { "-b,--batch-size;--chunk", TRIT_OPT_INTS, AT(chunk), "N,..",
      "prompt tokens evaluated together (default 512)", 1, 65536, NULL },
    { "-r,--repetitions", TRIT_OPT_INT, AT(repetitions), "N",
      "measurements of each test (default 5)", 1, 10000, NULL },
    { "--no-warmup", TRIT_OPT_FLAG, AT(no_warmup), NULL,
      "no evaluation before the first measurement", 0, 0, NULL },
    { "--plan", TRIT_OPT_FLAG, AT(plan), NULL, "first show which kernels each matrix got, and why",
      0, 0, NULL },
    { "-o,--output", TRIT_OPT_CHOICE, AT(output), NULL, "table (default), or llama-bench's formats",
      0, 0, "md|json|csv|jsonl" },
    { "--profile", TRIT_OPT_TEXT, AT(profile), "FILE",
      "the profile that picks the kernels (none: by estimate; default: this machine's)", 0, 0,
      NULL },
    { "-ub,--ubatch-size", TRIT_OPT_IGNORE, 0, "N", "", 0, 0, NULL },
    { "-ngl,--n-gpu-layers", TRIT_OPT_IGNORE, 0, "N", "", 0, 0, NULL },
    { "-fa,--flash-attn", TRIT_OPT_IGNORE, 0, "N", "", 0, 0, NULL },
    { "-mmp,--mmap", TRIT_OPT_IGNORE, 0, "N", "", 0, 0, NULL },
    { "--progress", TRIT_OPT_IGNORE, 0, NULL, "", 0, 0, NULL },
};

static const char detail[] =
    "N,.. is a list: 1,2,4 or 1-4 or 1-8*2; an option may be repeated. All combinations are run.\n"
    "pp512 evaluates 512 tokens, tg128 generates 128; '@ d1024' after 1024 others. Between the\n"
    "measurements the machine's limits are taken with the same threads: how fast memory is read, "
    "and\n"
    "how many int8 multiply-adds are done. A decode is shown as GB/s (weights and KV cache read "
    "per\n"
    "token) and its share of the first, a prefill as GMAC/s (of the ternary matrices) and its "
    "share of\n"
    "the second. The model is loaded anew for each thread count.";

struct bench {
    struct options options;
    struct trit_engine engine;
    struct trit_bench_subject subject;
    struct trit_bench_report report;
    struct trit_limits *limits;
    size_t limits_bytes; /* resident on account of limits */
    size_t peak;         /* resident, without them */
    double load_seconds;
    int32_t *tokens; /* depth and prompt or generated ones of the longest test */
    size_t ntokens;
    float *logits;
    double *seconds;
    size_t done, total; /* tests */
};

/* One combination. */
struct test {
    struct trit_bench_row row;
    size_t depth, count, chunk;
    struct trit_session *session;
};

static void release(struct bench *b)
{
    trit_limits_close(b->limits);
    trit_engine_close(&b->engine);
    free(b->tokens);
    free(b->logits);
    free(b->seconds);
}

static int most(const struct trit_ints *list)
{
    int m = 0;
    for (int i = 0; i < list->n; i++)
        m = list->v[i] > m ? list->v[i] : m;
    return m;
}

/* Random tokens from a fixed seed, enough for the longest test. */
static enum trit_code prepare(struct bench *b, struct trit_error *error)
{
    const struct options *o = &b->options;
    int longest = most(&o->prompt) > most(&o->gen) ? most(&o->prompt) : most(&o->gen);
    b->ntokens = (size_t)most(&o->depth) + (size_t)longest;
    b->tokens = trit_alloc(b->ntokens + 1, sizeof *b->tokens);
    b->logits = trit_alloc(b->engine.config.vocab, sizeof *b->logits);
    b->seconds = trit_alloc((size_t)o->repetitions, sizeof *b->seconds);
    if (!b->tokens || !b->logits || !b->seconds)
        return trit_fail(error, TRIT_EMEMORY, "no memory for %zu tokens", b->ntokens);
    uint64_t state = 42;
    for (size_t i = 0; i < b->ntokens; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        b->tokens[i] = (int32_t)((state >> 33) % b->engine.config.vocab);
    }
    return TRIT_OK;
}

/* ", NAME" unless it is there; what does not fit is left out. */
static void add_kernel(char *list, const struct trit_kernel *kernel)
{
    size_t n = strlen(list), more = kernel ? strlen(kernel->name) : 0;
    if (!kernel || strstr(list, kernel->name) || n + more + 3 > TRIT_BENCH_KERNELS)
        return;
    snprintf(list + n, TRIT_BENCH_KERNELS - n, "%s%s", n ? ", " : "", kernel->name);
}

static void describe(struct bench *b)
{
    struct trit_bench_subject *s = &b->subject;
    s->path = b->engine.path;
    s->cost = trit_model_cost(b->engine.model);
    s->many_chunks = b->options.chunk.n > 1;
    const struct trit_gguf_tensor *t = trit_gguf_tensor(b->engine.gguf, "blk.0.attn_q.weight");
    const struct trit_type_info *type = t ? trit_type_find(t->type) : NULL;
    double params = (double)s->cost->params, unit = params < 1e9 ? 1e6 : 1e9;
    snprintf(s->type, sizeof s->type, "%s %.2f%s %s", b->engine.config.arch, params / unit,
             params < 1e9 ? "M" : "B", type ? type->name : "?");
    s->profile = b->engine.profile ? b->engine.profile->path : "none";
    struct trit_plan plan;
    s->isa = "none";
    s->kernels[0] = 0;
    for (size_t i = 0; trit_model_plan(b->engine.model, i, &plan); i++) {
        if (i == 0 && plan.decode)
            s->isa = trit_isa_name(plan.decode->isa);
        add_kernel(s->kernels, plan.decode);
        add_kernel(s->kernels, plan.prefill);
    }
}

static void note_memory(struct bench *b)
{
    size_t now = trit_resident_now();
    now = now > b->limits_bytes ? now - b->limits_bytes : 0;
    b->peak = now > b->peak ? now : b->peak;
}

static enum trit_code load(struct bench *b, int threads, struct trit_error *error)
{
    bool first = !b->limits;
    trit_limits_close(b->limits);
    b->limits = NULL;
    b->limits_bytes = 0;
    double begin = trit_now();
    b->engine.wanted = b->options.profile;
    enum trit_code code = trit_engine_load_model(&b->engine, threads, false, error);
    b->load_seconds = trit_now() - begin;
    if (code)
        return code;
    if (first)
        b->peak = trit_resident_peak(); /* later it counts the limits' memory too */
    size_t before = trit_resident_now();
    code = trit_limits_open(&b->limits, b->engine.pool, error);
    if (code)
        return code;
    trit_limits_sample_read(b->limits);
    trit_limits_sample_peak(b->limits);
    size_t after = trit_resident_now();
    b->limits_bytes = after > before ? after - before : 0;
    note_memory(b);
    return TRIT_OK;
}

static void progress(const struct bench *b, const struct test *t, int repetition)
{
    char name[32];
    if (!isatty(2))
        return;
    fprintf(stderr, "\r%zu of %zu: %s, %d thread%s, ", b->done + 1, b->total,
            trit_bench_test(&t->row, name), t->row.threads, t->row.threads == 1 ? "" : "s");
    if (repetition)
        fprintf(stderr, "%d of %d\033[K", repetition, b->options.repetitions);
    else
        fputs("warming up\033[K", stderr);
}

/* The test itself, n tokens of it, after the depth. */
static enum trit_code evaluate(struct bench *b, struct test *t, size_t n, struct trit_error *error)
{
    const int32_t *tokens = b->tokens + t->depth;
    if (t->row.n_prompt)
        return trit_engine_prefill(t->session, tokens, n, t->chunk, b->logits, error);
    enum trit_code code = TRIT_OK;
    for (size_t i = 0; i < n && !code; i++) {
        if (trit_stopped())
            return trit_fail(error, TRIT_ESTOPPED, "stopped");
        code = trit_session_eval(t->session, tokens + i, 1, 0, b->logits, error);
    }
    return code;
}

static enum trit_code warm_up(struct bench *b, struct test *t, struct trit_error *error)
{
    progress(b, t, 0);
    enum trit_code code =
        trit_engine_prefill(t->session, b->tokens, t->depth, t->chunk, NULL, error);
    if (!code && !b->options.no_warmup)
        code = evaluate(b, t, t->row.n_gen ? 1 : t->count, error);
    trit_session_rewind(t->session, t->depth);
    return code;
}

static enum trit_code measure(struct bench *b, struct test *t, struct trit_error *error)
{
    enum trit_code code = warm_up(b, t, error);
    for (int i = 0; i < b->options.repetitions && !code; i++) {
        progress(b, t, i + 1);
        double begin = trit_now();
        code = evaluate(b, t, t->count, error);
        b->seconds[i] = trit_now() - begin;
        trit_session_rewind(t->session, t->depth);
        note_memory(b);
        trit_limits_sample_read(b->limits);
        trit_limits_sample_peak(b->limits);
    }
    if (isatty(2))
        fputs("\r\033[K", stderr);
    return code;
}

/* What a token of the test costs; a prefill reads the matrices once per chunk and the head once. */
static void cost(const struct bench *b, struct test *t)
{
    const struct trit_config *c = &b->engine.config;
    const struct trit_model_cost *m = b->subject.cost;
    double count = (double)t->count, passes = (double)((t->count + t->chunk - 1) / t->chunk);
    double position =
        2.0 * 2 * (double)(c->layers * c->kv_heads * c->head_dim); /* bytes of K and V */
    double kv = position * ((double)t->depth + (count + 1) / 2);
    struct trit_bench_row *row = &t->row;
    row->macs_per_token = (double)m->trits;
    row->bytes_per_token = row->n_gen
                               ? (double)m->decode_bytes + kv
                               : ((double)m->packed_bytes * passes + (double)m->head_bytes) / count;
}

static enum trit_code run_test(struct bench *b, struct test *t, struct trit_error *error)
{
    size_t context = t->depth + t->count;
    t->chunk = (size_t)t->row.chunk < context ? (size_t)t->row.chunk : context;
    enum trit_code code =
        trit_session_create(&t->session, b->engine.model, context, t->chunk, error);
    if (code)
        return code;
    t->row.when = time(NULL);
    code = measure(b, t, error);
    trit_session_free(t->session);
    if (code)
        return code;
    cost(b, t);
    t->row.n = (size_t)b->options.repetitions;
    t->row.seconds = b->seconds;
    t->row.limit_read_gbs = trit_limits_read_gbs(b->limits);
    t->row.limit_int8_gmacs = trit_limits_peak_gmacs(b->limits);
    t->row.load_seconds = b->load_seconds;
    t->row.peak_resident = b->peak;
    b->done++;
    return trit_bench_row(&b->report, &t->row, error);
}

/* All lengths of one kind, prompts or generations; 0 stands for none. */
static enum trit_code run_lengths(struct bench *b, const struct trit_bench_row *base,
                                  const struct trit_ints *lengths, bool gen,
                                  struct trit_error *error)
{
    enum trit_code code = TRIT_OK;
    for (int i = 0; i < lengths->n && !code; i++) {
        struct test t = { .row = *base,
                          .depth = (size_t)base->n_depth,
                          .count = (size_t)lengths->v[i] };
        *(gen ? &t.row.n_gen : &t.row.n_prompt) = lengths->v[i];
        if (t.count)
            code = run_test(b, &t, error);
    }
    return code;
}

static enum trit_code run_threads(struct bench *b, int threads, struct trit_error *error)
{
    const struct options *o = &b->options;
    enum trit_code code = load(b, threads, error);
    if (code)
        return code;
    describe(b);
    if (!b->done && o->plan)
        trit_plan_show(b->engine.model, o->output == TRIT_BENCH_MD ? stdout : stderr);
    if (!b->done)
        trit_bench_begin(&b->report);
    for (int d = 0; d < o->depth.n && !code; d++)
        for (int c = 0; c < o->chunk.n && !code; c++) {
            struct trit_bench_row base = { .threads = trit_pool_threads(b->engine.pool),
                                           .chunk = o->chunk.v[c],
                                           .n_depth = o->depth.v[d] };
            code = run_lengths(b, &base, &o->prompt, false, error);
            if (!code && c == 0) /* decode has no chunks */
                code = run_lengths(b, &base, &o->gen, true, error);
        }
    return code;
}

static size_t positive(const struct trit_ints *list)
{
    size_t n = 0;
    for (int i = 0; i < list->n; i++)
        n += list->v[i] > 0;
    return n;
}

static enum trit_code bench(struct bench *b, struct trit_error *error)
{
    const struct options *o = &b->options;
    b->total = (size_t)o->threads.n * (size_t)o->depth.n *
               (positive(&o->prompt) * (size_t)o->chunk.n + positive(&o->gen));
    if (!b->total)
        return trit_fail(error, TRIT_EARGUMENT, "bench: nothing to measure: -p and -n are both 0");
    enum trit_code code = trit_engine_open(&b->engine, o->model, error);
    if (!code)
        code = prepare(b, error);
    for (int i = 0; i < o->threads.n && !code; i++)
        code = run_threads(b, o->threads.v[i], error);
    if (b->done && (!code || code == TRIT_ESTOPPED)) {
        enum trit_code ended = trit_bench_end(&b->report, error);
        code = ended ? ended : code;
    }
    return code;
}

static int run(int argc, char **argv)
{
    struct bench b = { .options = { .prompt = { .n = 1, .v = { 512 } },
                                    .gen = { .n = 1, .v = { 128 } },
                                    .depth = { .n = 1, .v = { 0 } },
                                    .threads = { .n = 1, .v = { 0 } },
                                    .chunk = { .n = 1, .v = { 512 } },
                                    .repetitions = 5 } };
    enum trit_parse parse = trit_cli_parse(&trit_cmd_bench, argc, argv, &b.options, NULL, 0, NULL);
    if (parse)
        return parse == TRIT_PARSE_HELP ? 0 : 2;
    b.report.output = (enum trit_bench_output)b.options.output;
    b.report.subject = &b.subject;
    trit_catch_stop();
    struct trit_error error;
    enum trit_code code = bench(&b, &error);
    release(&b);
    if (code == TRIT_ESTOPPED)
        return 130;
    return code ? trit_cli_error(&error) : 0;
}

const struct trit_command trit_cmd_bench = {
    .name = "bench",
    .summary = "measure prefill and decode against the machine's limits",
    .usage = "[-m FILE] [-p N,..] [-n N,..] [options]",
    .detail = detail,
    .options = options,
    .noptions = sizeof options / sizeof *options,
    .run = run,
};
