/* Any bytes as a schema, or as tools, and as choices of tokens: it is refused, or masks are what
   bytes say and never empty before an end. */
#include <stdlib.h>
#include <string.h>

#include "runtime/grammar/internal.h"
#include "tests/lib_vocabulary.h"

enum { TOKENS = 48 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct trit_tokenizer *tokenizer;
static struct trit_vocabulary *vocabulary;

static void load(void)
{
    static const char *const tokens[] = { "{\"",  "\":", "\",\"", "\"}", "ab", "12",  "\\n",
                                          "true", "<to", "</",    "}}",  "]}", ",\"", "\\ud83d" };
    static struct trit_words words;
    trit_vocabulary_init(&words);
    for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++)
        trit_vocabulary_add(&words, tokens[i], 1);
    words.eos = trit_vocabulary_add(&words, "<|end|>", 3);
    if (trit_vocabulary_load(&words, &tokenizer, NULL) ||
        trit_vocabulary_create(&vocabulary, tokenizer, NULL))
        abort();
}

/* The bytes of a token, one by one. */
static uint32_t along(struct trit_stacks *stacks, uint32_t at, int32_t id)
{
    const struct trit_text t = trit_tokenizer_decode(tokenizer, id, false);
    for (size_t i = 0; i < t.n && at != TRIT_STACKS_DEAD; i++)
        at = trit_stacks_step(stacks, at, (uint8_t)t.s[i]);
    return at;
}

/* The first allowed one from `start` on, all that are passed on the way checked. */
static int32_t next(struct trit_stacks *stacks, uint32_t at, const uint32_t *mask, size_t start)
{
    const size_t n = trit_tokenizer_size(tokenizer);
    for (size_t i = 0; i < n; i++) {
        const int32_t id = (int32_t)((start + i) % n);
        const bool end = trit_tokenizer_is_end(tokenizer, id),
                   may = end ? trit_stacks_complete(stacks, at)
                             : along(stacks, at, id) != TRIT_STACKS_DEAD;
        if (may != (mask[id / 32] >> id % 32 & 1))
            abort();
        if (may)
            return id;
    }
    abort(); /* a dead end */
}

static void walk(const struct trit_grammar *grammar, const uint8_t *choices, size_t n)
{
    struct trit_stacks *stacks = trit_stacks_create(grammar);
    struct trit_matcher *m;
    uint32_t at = TRIT_STACKS_START;
    if (!stacks || trit_matcher_create(&m, grammar, vocabulary, NULL))
        abort();
    for (size_t i = 0; i < n && i < TOKENS; i++) {
        const int32_t id = next(stacks, at, trit_matcher_mask(m), choices[i]);
        if (!trit_matcher_accept(m, id))
            abort();
        if (trit_tokenizer_is_end(tokenizer, id))
            break;
        at = along(stacks, at, id);
    }
    trit_matcher_free(m);
    trit_stacks_free(stacks);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char choices[] = "a token after the other, of which each is one";
    struct trit_grammar *grammar = NULL;
    struct trit_error error;
    if (!tokenizer)
        load();
    if (!size)
        return 0;
    const uint8_t *nul = memchr(data + 1, 0, size - 1);
    const size_t text = (nul ? (size_t)(nul - data) : size) - 1;
    json_t *json = json_loadb((const char *)data + 1, text, JSON_DECODE_ANY, NULL);
    const struct trit_call_rules rules = { .form = (enum trit_call_form)(data[0] % TRIT_NCALLS),
                                           .tools = json,
                                           .parallel = data[0] & 16,
                                           .must = data[0] & 32 };
    const struct trit_grammar_frame frame = { data[0] & 64 ? "</think>\n\n" : NULL };
    const enum trit_code code = !json ? TRIT_EARGUMENT
                                : rules.form == TRIT_CALLS_NONE
                                    ? trit_grammar_schema(&grammar, json, &frame, &error)
                                    : trit_grammar_calls(&grammar, &rules, &frame, &error);
    if (!code) {
        walk(grammar, (const uint8_t *)choices, sizeof choices - 1);
        if (nul)
            walk(grammar, nul + 1, size - text - 2);
    }
    json_decref(json);
    trit_grammar_free(grammar);
    return 0;
}
