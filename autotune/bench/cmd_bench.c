/* `tritmill bench`: speeds of prefill and decode beside the limits of the machine, which are
 * measured in between. */
#include "autotune/bench/internal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/base/mem.h"
#include "runtime/cli/commands.h"
#include "runtime/cli/open.h"
#include "runtime/cli/plan.h"
#include "runtime/cpu/cpu.h"
#include "runtime/model/family.h"

enum { HEAD_TOP, HEAD_FULL };

struct options {
    const char *model, *profile, *cache, *trace;
    struct trit_ints prompt, gen, depth, threads, chunk, parallel;
    int repetitions, output, head, top_k, sparse, kv, draft, draft_n, i2s;
    bool no_warmup, plan, ops;
};

#define AT(member) offsetof(struct options, member)
static const struct trit_option options[] = {
    TRIT_MODEL_OPTION(AT(model)),
    { "-p,--n-prompt", TRIT_OPT_INTS, AT(prompt), "N,..",
      "prompt lengths to evaluate (default 512; 0: none)", 0, 1 << 24, NULL },
    { "-n,--n-gen", TRIT_OPT_INTS, AT(gen), "N,..", "lengths to generate (default 128; 0: none)", 0,
      1 << 24, NULL },
    { "-d,--n-depth", TRIT_OPT_INTS, AT(depth), "N,..",
      "tokens in the context before the test (default 0)", 0, 1 << 24, NULL },
    { "-np,--parallel;-npl", TRIT_OPT_INTS, AT(parallel), "N,..",
      "sequences generated together, one token of each per pass (default 1)", 1, 1024, NULL },
    { "-t,--threads", TRIT_OPT_INTS, AT(threads), "N,..",
      "thread counts (default: one per physical core)", 1, TRIT_MAX_THREADS, NULL },
    { "-b,--batch-size;--chunk", TRIT_OPT_INTS, AT(chunk), "N,..",
      "prompt tokens evaluated together (default 256)", 1, 65536, NULL },
    { "-r,--repetitions", TRIT_OPT_INT, AT(repetitions), "N",
      "measurements of each test (default 5)", 1, 10000, NULL },
    { "--no-warmup", TRIT_OPT_FLAG, AT(no_warmup), NULL,
      "no evaluation before the first measurement", 0, 0, NULL },
    { "--plan", TRIT_OPT_FLAG, AT(plan), NULL, "first show which kernels each matrix got, and why",
      0, 0, NULL },
    { "--head", TRIT_OPT_CHOICE, AT(head), NULL,
      "top: only the most likely tokens (default); full: all logits", 0, 0, "top|full" },
    { "--top-k", TRIT_OPT_INT, AT(top_k), "N",
      "how many of them: 1 as in greedy decoding (default), 40 as in sampling", 1, TRIT_BENCH_TOP,
      NULL },
    { "--draft", TRIT_OPT_CHOICE, AT(draft), NULL,
      "generate greedily with drafts, as 'run' does: none (default), mtp, lookup, auto", 0, 0,
      "auto|mtp|lookup|none" },
    { "--draft-n", TRIT_OPT_INT, AT(draft_n), "N",
      "draft N tokens at a time, by lookup at most (default: as they pay)", 1, TRIT_LOOKUP_MAX,
      NULL },
    { "--sparse", TRIT_OPT_CHOICE, AT(sparse), NULL,
      "skip rows and columns of the FFN that meet zeros: auto (as 'pack' measured), on, off", 0, 0,
      "auto|on|off" },
    { "--kv-type", TRIT_OPT_CHOICE, AT(kv), NULL,
      "elements of the KV cache: f16 (default), i8 (half the size, faster, changes the answer a "
      "little)",
      0, 0, "f16|i8" },
    TRIT_LAYOUT_OPTION(AT(i2s)),
    { "--cache", TRIT_OPT_TEXT, AT(cache), "FILE",
      "the packed cache (none: no cache; default: the model's, if there is one)", 0, 0, NULL },
    { "--profile-ops", TRIT_OPT_FLAG, AT(ops), NULL,
      "also the time of each part of the model beside the limits, and how long threads waited", 0,
      0, NULL },
    { "--trace", TRIT_OPT_TEXT, AT(trace), "FILE",
      "the same, region by region, for chrome://tracing or Perfetto", 0, 0, NULL },
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

static const struct trit_rule rules[] = {
    { TRIT_RULE_NEEDS, "--draft-n,--draft" },
    { TRIT_RULE_AGAINST, "--head=full,--top-k" },
};

static const char detail[] =
    "N,.. is a list: 1,2,4 or 1-4 or 1-8*2; an option may be repeated. All combinations are run.\n"
    "pp512 evaluates 512 tokens, tg128 generates 128, x8 in each of 8 sequences; '@ d1024' after "
    "1024\n"
    "others. Around each repetition the machine's limits are taken with the same threads, in "
    "short\n"
    "samples: how fast memory is read, and how many int8 multiply-adds are done. A decode is shown "
    "as\n"
    "GB/s (weights and KV cache read per token, as counted) and its share of the first, a prefill "
    "as\n"
    "GMAC/s (of the ternary matrices) and its share of the second, several sequences by the limit "
    "that\n"
    "they come nearer to. All figures are medians over the repetitions, ± half the interquartile "
    "range;\n"
    "avg_* and stddev_* in json and csv are mean and standard deviation, as llama-bench has them. "
    "A "
    "note\n"
    "follows where a share is above 100 % or a limit varied by more than 10 %. The model is loaded "
    "again for\n"
    "each thread count, since other kernels and layouts may be the best ones for it. With\n"
    "--profile-ops every repetition is followed or preceded by a traced one; speeds are those of "
    "the\n"
    "untraced ones; csv has a line more for each operation, with the op_ columns filled in.";

enum { EVENTS = 1 << 20 }; /* kept for --trace of each thread count: 32 MB */

struct bench {
    struct options options;
    struct trit_engine engine;
    struct trit_bench_subject subject;
    struct trit_bench_report report;
    struct trit_bench_setup setup;
    struct trit_bench_sample *samples;
    struct trit_bench_trace *trace; /* the file; NULL: none */
    double load_seconds;
    int32_t *tokens;
    float *logits;
    size_t done, total; /* tests */
};

static void unload(struct bench *b)
{
    trit_trace_free(b->setup.trace);
    trit_limits_close(b->setup.limits);
    b->setup.trace = NULL;
    b->setup.limits = NULL;
    b->setup.limits_bytes = 0;
}

static void release(struct bench *b)
{
    unload(b);
    trit_engine_close(&b->engine);
    trit_bench_free(&b->report);
    free(b->tokens);
    free(b->logits);
    free(b->samples);
}

static int most(const struct trit_ints *list)
{
    int m = 0;
    for (int i = 0; i < list->n; i++)
        m = list->v[i] > m ? list->v[i] : m;
    return m;
}

static void progress(void *arg, const struct trit_bench_row *row, int repetition)
{
    const struct bench *b = arg;
    char name[48];
    if (!isatty(2))
        return;
    fprintf(stderr, "\r%zu of %zu: %s, %d thread%s, ", b->done + 1, b->total,
            trit_bench_test(row, name), row->threads, row->threads == 1 ? "" : "s");
    if (repetition)
        fprintf(stderr, "%d of %d\033[K", repetition, b->options.repetitions);
    else
        fputs("warming up\033[K", stderr);
}

/* Random tokens from a fixed seed, enough for the longest test. */
static enum trit_code prepare(struct bench *b, struct trit_error *error)
{
    const struct options *o = &b->options;
    const size_t longest =
                     (size_t)(most(&o->prompt) > most(&o->gen) ? most(&o->prompt) : most(&o->gen)),
                 wide = (size_t)most(&o->parallel), n = (size_t)most(&o->depth) + longest + wide;
    b->tokens = trit_alloc(n, sizeof *b->tokens);
    b->logits = trit_alloc(wide * b->engine.config.vocab, sizeof *b->logits);
    b->samples = trit_alloc((size_t)o->repetitions, sizeof *b->samples);
    if (!b->tokens || !b->logits || !b->samples)
        return trit_fail(error, TRIT_EMEMORY, "no memory for %zu tokens", n);
    b->setup.tokens = b->tokens;
    b->setup.logits = o->head == HEAD_FULL ? b->logits : NULL;
    b->setup.top_k = (size_t)o->top_k;
    b->setup.repetitions = o->repetitions;
    b->setup.drafting = (struct trit_drafting){ (enum trit_draft)o->draft, (size_t)o->draft_n };
    b->setup.warm_up = !o->no_warmup;
    b->setup.progress = progress;
    b->setup.progress_arg = b;
    uint64_t state = 42;
    for (size_t i = 0; i < n; i++) {
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
    s->kv = b->options.kv == TRIT_KV_I8 ? "i8" : "f16";
    s->many_chunks = b->options.chunk.n > 1;
    const struct trit_gguf_tensor *t = trit_family_matrix(&b->engine.config, b->engine.gguf);
    const struct trit_type_info *type = t ? trit_type_find(t->type) : NULL;
    double params = (double)s->cost->params, unit = params < 1e9 ? 1e6 : 1e9;
    snprintf(s->type, sizeof s->type, "%s %.2f%s %s", b->engine.config.arch, params / unit,
             params < 1e9 ? "M" : "B", type ? type->name : "?");
    s->profile = b->engine.profile ? b->engine.profile->path : "none";
    s->cache = trit_engine_cache_used(&b->engine);
    s->cache = s->cache ? s->cache : "none";
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

/* Memory that is there for measuring does not count as resident. */
static enum trit_code open_limits(struct bench *b, struct trit_error *error)
{
    struct trit_bench_setup *s = &b->setup;
    const size_t before = trit_resident_now();
    enum trit_code code = trit_limits_open(&s->limits, b->engine.pool, error);
    if (!code && (b->options.ops || b->options.trace))
        code = trit_trace_create(&s->trace, b->engine.pool, b->options.trace ? EVENTS : 0, error);
    if (code)
        return code;
    trit_limits_sample_read(s->limits);
    trit_limits_sample_peak(s->limits);
    const size_t after = trit_resident_now();
    s->limits_bytes = after > before ? after - before : 0;
    return TRIT_OK;
}

/* The largest that there will be: all at once at the greatest depth. */
static void expect_sessions(struct bench *b)
{
    const struct options *o = &b->options;
    const int prompt = most(&o->prompt), gen = most(&o->gen), parallel = most(&o->parallel);
    const size_t context =
        (size_t)(most(&o->depth) + (prompt > gen ? prompt : gen)) + (o->draft != TRIT_DRAFT_NONE);
    const size_t chunk = (size_t)most(&o->chunk);
    b->engine.sequences = gen ? (size_t)parallel : 1;
    b->engine.context = context;
    b->engine.chunk = chunk < context ? chunk : context;
}

static enum trit_code load(struct bench *b, int threads, struct trit_error *error)
{
    const bool first = !b->setup.model;
    unload(b);
    const double begin = trit_now();
    b->engine.wanted = b->options.profile;
    b->engine.cache_wanted = b->options.cache;
    b->engine.sparse = b->options.sparse;
    b->engine.kv = b->options.kv;
    expect_sessions(b);
    enum trit_code code = trit_cli_load_model(&b->engine, threads, false, error);
    b->load_seconds = trit_now() - begin;
    if (code)
        return code;
    b->setup.model = b->engine.model;
    if (first)
        b->setup.peak = trit_resident_peak(); /* later it counts the limits' memory too */
    code = open_limits(b, error);
    if (!code)
        trit_bench_note_memory(&b->setup);
    return code;
}

static enum trit_code run_test(struct bench *b, struct trit_bench_row *row,
                               struct trit_error *error)
{
    enum trit_code code = trit_bench_measure(&b->setup, row, b->samples, error);
    if (isatty(2))
        fputs("\r\033[K", stderr);
    if (code)
        return code;
    row->load_seconds = b->load_seconds;
    row->peak_resident = b->setup.peak;
    if (!b->options.ops) /* the trace was for its events */
        row->profile.repetitions = 0;
    b->done++;
    return trit_bench_row(&b->report, row, error);
}

/* All prompt lengths; 0 stands for none. */
static enum trit_code run_prompts(struct bench *b, struct trit_bench_row row,
                                  struct trit_error *error)
{
    const struct trit_ints *lengths = &b->options.prompt;
    enum trit_code code = TRIT_OK;
    for (int i = 0; i < lengths->n && !code; i++) {
        row.n_prompt = lengths->v[i];
        if (row.n_prompt)
            code = run_test(b, &row, error);
    }
    return code;
}

/* All lengths to generate, by all numbers of sequences. */
static enum trit_code run_gens(struct bench *b, struct trit_bench_row row, struct trit_error *error)
{
    const struct trit_ints *lengths = &b->options.gen, *parallel = &b->options.parallel;
    enum trit_code code = TRIT_OK;
    for (int i = 0; i < lengths->n * parallel->n && !code; i++) {
        row.n_gen = lengths->v[i / parallel->n];
        row.n_parallel = parallel->v[i % parallel->n];
        if (row.n_gen)
            code = run_test(b, &row, error);
    }
    return code;
}

static enum trit_code run_tests(struct bench *b, struct trit_error *error)
{
    const struct options *o = &b->options;
    enum trit_code code = TRIT_OK;
    for (int d = 0; d < o->depth.n && !code; d++)
        for (int c = 0; c < o->chunk.n && !code; c++) {
            const struct trit_bench_row base = { .threads = trit_pool_threads(b->engine.pool),
                                                 .chunk = o->chunk.v[c],
                                                 .n_depth = o->depth.v[d],
                                                 .n_parallel = 1 };
            code = run_prompts(b, base, error);
            if (!code && c == 0) /* decode has no chunks */
                code = run_gens(b, base, error);
        }
    return code;
}

static void add_events(struct bench *b)
{
    const int threads = trit_pool_threads(b->engine.pool);
    char name[32];
    snprintf(name, sizeof name, "%d thread%s", threads, threads == 1 ? "" : "s");
    if (b->trace)
        trit_bench_trace_add(b->trace, name, b->setup.trace, threads);
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
    code = run_tests(b, error);
    add_events(b);
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
    b->total =
        (size_t)o->threads.n * (size_t)o->depth.n *
        (positive(&o->prompt) * (size_t)o->chunk.n + positive(&o->gen) * (size_t)o->parallel.n);
    if (!b->total)
        return trit_fail(error, TRIT_EARGUMENT, "bench: nothing to measure: -p and -n are both 0");
    enum trit_code code = trit_cli_open_model(&b->engine, o->model, error);
    trit_cli_layout(&b->engine, o->i2s);
    const char *const inputs[] = { b->engine.path, o->profile, o->cache };
    if (!code && o->trace)
        code = trit_output_check(o->trace, &trit_output_trace, inputs, 3, error);
    if (!code)
        code = trit_engine_want_drafts(&b->engine, (enum trit_draft)o->draft, error);
    if (!code)
        code = prepare(b, error);
    if (!code && o->trace)
        code = trit_bench_trace_open(&b->trace, o->trace, error);
    for (int i = 0; i < o->threads.n && !code; i++)
        code = run_threads(b, o->threads.v[i], error);
    if (b->done && (!code || code == TRIT_ESTOPPED)) {
        enum trit_code ended = trit_bench_end(&b->report, error);
        code = ended ? ended : code;
    }
    struct trit_error trace_error;
    enum trit_code closed = trit_bench_trace_close(b->trace, !code, &trace_error);
    if (closed && !code)
        *error = trace_error;
    return code ? code : closed;
}

static int run(int argc, char **argv)
{
    struct bench b = { .options = { .prompt = { .n = 1, .v = { 512 } },
                                    .gen = { .n = 1, .v = { 128 } },
                                    .depth = { .n = 1, .v = { 0 } },
                                    .threads = { .n = 1, .v = { 0 } },
                                    .chunk = { .n = 1, .v = { 256 } },
                                    .draft = TRIT_DRAFT_NONE,
                                    .parallel = { .n = 1, .v = { 1 } },
                                    .repetitions = 5,
                                    .top_k = 1 } };
    enum trit_parse parse = trit_cli_parse(&trit_cmd_bench, argc, argv, &b.options, NULL);
    if (parse)
        return parse == TRIT_PARSE_HELP ? 0 : 2;
    b.report.output = (enum trit_bench_output)b.options.output;
    b.report.subject = &b.subject;
    trit_catch_stop();
    struct trit_error error;
    enum trit_code code = bench(&b, &error);
    release(&b);
    return code ? trit_cli_error(&error) : 0;
}

const struct trit_command trit_cmd_bench = {
    .name = "bench",
    .summary = "measure prefill and decode against the machine's limits",
    .usage = "[-m FILE] [-p N,..] [-n N,..] [options]",
    .detail = detail,
    .options = options,
    .noptions = sizeof options / sizeof *options,
    .rules = rules,
    .nrules = sizeof rules / sizeof *rules,
    .run = run,
};
