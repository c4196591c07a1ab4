/* spoil -m FILE: what becomes of a model file that is cut, or has wrong bits and bytes? Each is
   loaded from memory that ends where the file does, and run where it can be loaded. Refusals must
   be one line that names the file; a file that is cut must be refused or give the whole one's
   logits. Prints the seed and counts; exit code 1 where something is not so. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/file.h"
#include "runtime/base/random.h"
#include "runtime/cli/commands.h"
#include "runtime/model/model.h"
#include "runtime/text/tokenizer.h"
#include "runtime/thread/pool.h"

enum { TOKENS = 3, FILE_MAX = 1 << 24 };

struct options {
    const char *model;
    int step, flips, seed;
    bool show;
};

#define AT(member) offsetof(struct options, member)
static const struct trit_option options[] = {
    { "-m,--model", TRIT_OPT_TEXT, AT(model), "FILE", "the model", 0, 0, NULL },
    { "--step", TRIT_OPT_INT, AT(step), "N", "bytes between cuts of the tensor data", 1, FILE_MAX,
      NULL },
    { "--flips", TRIT_OPT_INT, AT(flips), "N", "files with wrong bytes", 0, 1 << 30, NULL },
    { "--seed", TRIT_OPT_INT, AT(seed), "N", "of the wrong bytes", 0, 1 << 30, NULL },
    { "--show", TRIT_OPT_FLAG, AT(show), NULL, "print the refusals", 0, 0, NULL },
};
#undef AT

/* What files gave: `logits` is the last one's, of `vocab` tokens. */
struct work {
    struct options options;
    struct trit_pool *pool;
    uint8_t *bytes;
    size_t size, data; /* data: where the tensors' begin */
    float *logits, *whole;
    size_t vocab, whole_vocab;
    size_t run, stopped, refused; /* stopped: loaded, but not run to its end */
    bool wrong;
};

static void complain(struct work *w, const char *what, size_t at, const char *text)
{
    w->wrong = true;
    printf("FAILED: %s at %zu: %s\n", what, at, text);
}

/* A run of the first tokens, into w->logits. */
static enum trit_code use(struct work *w, struct trit_model *model, size_t vocab,
                          struct trit_error *error)
{
    static const int32_t tokens[TOKENS] = { 1, 0, 1 };
    struct trit_session *session;
    free(w->logits);
    w->vocab = vocab;
    w->logits = malloc(TOKENS * vocab * sizeof *w->logits);
    if (!w->logits)
        return trit_fail(error, TRIT_EMEMORY, "no memory");
    enum trit_code code = trit_session_create(&session, model, TOKENS, TOKENS, error);
    if (!code)
        code = trit_session_eval(session, tokens, vocab > 1 ? TOKENS : 0, 0, w->logits, error);
    trit_session_free(session);
    return code;
}

/* Of a copy of the bytes, and no byte more. */
static enum trit_code load(struct work *w, size_t size, bool *loaded, struct trit_error *error)
{
    struct trit_gguf *gguf = NULL;
    struct trit_model *model = NULL;
    struct trit_tokenizer *tokenizer = NULL;
    struct trit_config config;
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy)
        return trit_fail(error, TRIT_EMEMORY, "no memory");
    memcpy(copy, w->bytes, size);
    enum trit_code code = trit_gguf_parse(&gguf, copy, size, "spoilt", error);
    if (!code && !(code = trit_tokenizer_load(&tokenizer, gguf, error)))
        code = trit_model_load(&model, gguf, w->pool, NULL, error);
    *loaded = !code;
    if (!code && !(code = trit_config_read(&config, gguf, error)))
        code = use(w, model, config.vocab, error);
    trit_model_free(model);
    trit_tokenizer_free(tokenizer);
    trit_gguf_close(gguf);
    free(copy);
    return code;
}

/* Whether the first `size` bytes could be run. */
static bool attempt(struct work *w, const char *what, size_t at, size_t size)
{
    struct trit_error error = { .text = "" };
    bool loaded;
    const enum trit_code code = load(w, size, &loaded, &error);
    w->run += !code;
    w->stopped += code && loaded;
    w->refused += !loaded;
    if (!code)
        return true;
    if (code != error.code || strncmp(error.text, "spoilt: ", 8) != 0 || strchr(error.text, '\n') ||
        strlen(error.text) + 1 == sizeof error.text)
        complain(w, what, at, error.text);
    if (w->options.show)
        printf("%s at %zu: %s\n", what, at, error.text);
    return false;
}

static void report(struct work *w, const char *what)
{
    printf("%s: %zu run, %zu stopped, %zu refused\n", what, w->run, w->stopped, w->refused);
    w->run = w->stopped = w->refused = 0;
}

/* All of the tables and of the last bytes; steps between. */
static size_t next_cut(const struct work *w, size_t n)
{
    enum { LAST = 64 };
    const size_t step = (size_t)w->options.step, left = w->size - n;
    return n + (n < w->data || left <= LAST ? 1 : step < left - LAST ? step : left - LAST);
}

static void cut(struct work *w)
{
    for (size_t n = 0; n < w->size; n = next_cut(w, n))
        if (attempt(w, "cut", n, n) &&
            (w->vocab != w->whole_vocab ||
             memcmp(w->logits, w->whole, TOKENS * w->vocab * sizeof *w->logits) != 0))
            complain(w, "cut", n, "other logits than of the whole file");
    report(w, "cut");
}

/* A wrong bit or byte, or two of them; in the tables every other time, which are small. */
static void flip(struct work *w, uint64_t *random)
{
    const uint64_t kind = trit_random_next(random);
    for (uint64_t i = 0; i <= kind / 4 % 2; i++) {
        const uint64_t r = trit_random_next(random);
        uint8_t *byte = &w->bytes[(r >> 16) % (kind & 1 ? w->data : w->size)];
        *byte = (uint8_t)(kind & 2 ? r : *byte ^ 1u << r % 8);
    }
}

static void flip_all(struct work *w)
{
    uint64_t random = (uint64_t)w->options.seed;
    uint8_t *good = malloc(w->size);
    if (!good)
        abort();
    memcpy(good, w->bytes, w->size);
    for (size_t i = 0; i < (size_t)w->options.flips; i++) {
        flip(w, &random);
        if (attempt(w, "flips", i, w->size))
            for (size_t j = 0; j < TOKENS * w->vocab && w->vocab > 1; j++)
                if (!(w->logits[j] - w->logits[j] == 0))
                    complain(w, "flips", i, "logits that are not finite");
        memcpy(w->bytes, good, w->size);
    }
    free(good);
    report(w, "flips");
}

static enum trit_code prepare(struct work *w, struct trit_error *error)
{
    struct trit_gguf *gguf;
    bool loaded;
    enum trit_code code =
        trit_file_read(w->options.model, FILE_MAX, (char **)&w->bytes, &w->size, error);
    if (code || (code = trit_pool_create(&w->pool, 1, error)) ||
        (code = trit_gguf_parse(&gguf, w->bytes, w->size, w->options.model, error)))
        return code;
    w->data = (size_t)gguf->data_offset;
    trit_gguf_close(gguf);
    code = load(w, w->size, &loaded, error);
    w->whole = w->logits;
    w->whole_vocab = w->vocab;
    w->logits = NULL;
    return code;
}

static const struct trit_command command = {
    .name = "spoil",
    .summary = "what becomes of a model file that is not whole",
    .usage = "-m FILE [options]",
    .options = options,
    .noptions = sizeof options / sizeof *options,
};

int main(int argc, char **argv)
{
    struct work w = { .options = { .step = 1 } };
    struct trit_error error = { .text = "" };
    enum trit_parse parsed = trit_cli_parse(&command, argc, argv, &w.options, NULL);
    if (parsed != TRIT_PARSE_OK)
        return parsed == TRIT_PARSE_HELP ? 0 : 2;
    if (!w.options.model)
        return trit_cli_usage_error("spoil: name a model");
    enum trit_code code = prepare(&w, &error);
    if (!code) {
        printf("%s: %zu bytes, tables %zu, seed %d\n", w.options.model, w.size, w.data,
               w.options.seed);
        cut(&w);
        flip_all(&w);
    }
    free(w.bytes);
    free(w.logits);
    free(w.whole);
    trit_pool_destroy(w.pool);
    return code ? trit_cli_error(&error) : w.wrong;
}
