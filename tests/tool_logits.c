/* logits -m MODEL (--ids FILE | -p TEXT): evaluates a prompt, then continues it greedily. Prints
   the XXH3-128 hash over the bytes of all the prompt's logits and of every further step's, and the
   ids that were chosen; with --packed also a hash of the packed weights. The tests hold these equal
   across ISAs, threads and chunks, and hold the raw logits to tests/oracle. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "runtime/base/file.h"
#include "runtime/base/mem.h"
#include "runtime/cli/commands.h"
#include "runtime/cli/open.h"
#include "runtime/decode/sampler.h"
#include "runtime/model/internal.h"

enum { IDS_MAX = 1 << 24, ROOM = 1 << 20 };

struct options {
    const char *model, *ids, *text, *out;
    int threads, chunk, count, first, sparse, kv, i2s;
    bool packed;
};

#define AT(member) offsetof(struct options, member)
static const struct trit_option options[] = {
    { "-m,--model", TRIT_OPT_TEXT, AT(model), "FILE", "the model", 0, 0, NULL },
    { "--ids", TRIT_OPT_TEXT, AT(ids), "FILE", "the prompt as decimal ids", 0, 0, NULL },
    { "-p,--prompt", TRIT_OPT_TEXT, AT(text), "TEXT", "the prompt", 0, 0, NULL },
    { "--first", TRIT_OPT_INT, AT(first), "N", "only the first N ids", 1, ROOM, NULL },
    { "-t,--threads", TRIT_OPT_INT, AT(threads), "N", "threads", 1, TRIT_MAX_THREADS, NULL },
    { "--chunk", TRIT_OPT_INT, AT(chunk), "N", "tokens at once", 1, ROOM, NULL },
    { "--sparse", TRIT_OPT_CHOICE, AT(sparse), "WHEN", "skip zeros", 0, 0, "auto|on|off" },
    { "--kv-type", TRIT_OPT_CHOICE, AT(kv), "TYPE", "of the KV cache", 0, 0, "f16|i8" },
    TRIT_LAYOUT_OPTION(AT(i2s)),
    { "--packed", TRIT_OPT_FLAG, AT(packed), NULL, "hash the matrices, too", 0, 0, NULL },
    { "-n", TRIT_OPT_INT, AT(count), "N", "greedy tokens", 0, ROOM, NULL },
    { "--out", TRIT_OPT_TEXT, AT(out), "FILE", "raw float32 logits of the prompt", 0, 0, NULL },
};
#undef AT

struct work {
    struct options options;
    struct trit_engine engine;
    struct trit_session *session;
    int32_t *ids;
    size_t nids, vocab;
    float *logits; /* nids rows */
    struct trit_sampler *sampler;
    XXH3_state_t *hash;
};

static enum trit_code parse_ids(struct work *w, const char *text, struct trit_error *error)
{
    w->ids = trit_alloc(strlen(text) / 2 + 1, sizeof *w->ids);
    if (!w->ids)
        return trit_fail(error, TRIT_EMEMORY, "no memory for ids");
    for (char *end; *(text += strspn(text, " \n")); text = end) {
        long id = strtol(text, &end, 10);
        if (end == text || id < 0 || id > INT32_MAX)
            return trit_fail(error, TRIT_EFORMAT, "%s: id %zu is no id", w->options.ids, w->nids);
        w->ids[w->nids++] = (int32_t)id;
    }
    return TRIT_OK;
}

static enum trit_code read_prompt(struct work *w, struct trit_error *error)
{
    const char *text = w->options.text;
    if (text)
        return trit_engine_encode(&w->engine, (struct trit_text){ text, strlen(text) }, false,
                                  &w->ids, &w->nids, error);
    char *data;
    size_t bytes;
    enum trit_code code = trit_file_read(w->options.ids, IDS_MAX, &data, &bytes, error);
    if (code)
        return code;
    code = parse_ids(w, data, error);
    free(data);
    return code;
}

static enum trit_code prepare(struct work *w, struct trit_error *error)
{
    struct trit_engine *e = &w->engine;
    struct trit_sampling greedy = trit_sampling_default;
    greedy.temperature = 0;
    enum trit_code code = trit_cli_open_model(e, w->options.model, error);
    trit_cli_layout(e, w->options.i2s);
    e->sparse = w->options.sparse;
    e->kv = w->options.kv;
    if (code || (code = trit_engine_load_tokenizer(e, error)) || (code = read_prompt(w, error)) ||
        (code = trit_cli_load_model(e, w->options.threads, true, error)))
        return code;
    if (w->options.first && (size_t)w->options.first < w->nids)
        w->nids = (size_t)w->options.first;
    w->vocab = e->config.vocab;
    code = trit_session_create(&w->session, e->model, w->nids + (size_t)w->options.count,
                               (size_t)w->options.chunk, error);
    if (code || (code = trit_sampler_create(&w->sampler, &greedy, w->vocab, error)))
        return code;
    w->logits = w->nids ? trit_alloc(w->nids, w->vocab * sizeof *w->logits) : NULL;
    w->hash = XXH3_createState();
    if (!w->logits || !w->hash)
        return trit_fail(error, TRIT_EMEMORY, "no memory for logits of %zu tokens", w->nids);
    return TRIT_OK;
}

static enum trit_code write_logits(const struct work *w, struct trit_error *error)
{
    struct trit_file *file;
    enum trit_code code = trit_file_create(&file, w->options.out, error);
    if (code)
        return code;
    trit_file_write(file, w->logits, w->nids * w->vocab * sizeof *w->logits);
    return trit_file_commit(file, error);
}

static void print_hash(const struct work *w, const char *of)
{
    XXH128_hash_t h = XXH3_128bits_digest(w->hash);
    printf("%s %016llx%016llx\n", of, (unsigned long long)h.high64, (unsigned long long)h.low64);
}

static void print_packed(const struct work *w)
{
    const struct trit_matrix *x;
    XXH3_128bits_reset(w->hash);
    for (size_t i = 0; (x = trit_model_matrix(w->engine.model, i)); i++)
        XXH3_128bits_update(w->hash, x->w, x->bytes);
    print_hash(w, "packed");
}

static enum trit_code evaluate(struct work *w, struct trit_error *error)
{
    const size_t row = w->vocab * sizeof *w->logits;
    enum trit_code code = trit_session_eval(w->session, w->ids, w->nids, 0, w->logits, error);
    if (!code && w->options.out)
        code = write_logits(w, error);
    if (code)
        return code;
    XXH3_128bits_reset(w->hash);
    XXH3_128bits_update(w->hash, w->logits, w->nids * row);
    memmove(w->logits, w->logits + (w->nids - 1) * w->vocab, row);
    printf("ids");
    for (int i = 0; i < w->options.count; i++) {
        int32_t id = trit_sampler_next(w->sampler, w->logits);
        printf(" %d", id);
        code = trit_session_eval(w->session, &id, 1, 0, w->logits, error);
        if (code)
            return code;
        XXH3_128bits_update(w->hash, w->logits, row);
    }
    putchar('\n');
    print_hash(w, "hash");
    if (w->options.packed)
        print_packed(w);
    return TRIT_OK;
}

static void release(struct work *w)
{
    trit_session_free(w->session);
    trit_sampler_free(w->sampler);
    trit_engine_close(&w->engine);
    free(w->ids);
    free(w->logits);
    XXH3_freeState(w->hash); /* NULL is fine */
}

static const struct trit_command command = {
    .name = "logits",
    .summary = "hash the logits of a prompt and of what follows it",
    .usage = "-m FILE (--ids FILE | -p TEXT) [options]",
    .options = options,
    .noptions = sizeof options / sizeof *options,
};

int main(int argc, char **argv)
{
    struct work w = { .options = { .threads = 1, .chunk = 64 } };
    struct trit_error error;
    enum trit_parse parsed = trit_cli_parse(&command, argc, argv, &w.options, NULL);
    if (parsed != TRIT_PARSE_OK)
        return parsed == TRIT_PARSE_HELP ? 0 : 2;
    if (!w.options.model || !w.options.ids == !w.options.text)
        return trit_cli_usage_error("logits: name a model and one prompt");
    enum trit_code code = prepare(&w, &error);
    if (!code)
        code = evaluate(&w, &error);
    release(&w);
    return code ? trit_cli_error(&error) : 0;
}
