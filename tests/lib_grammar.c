/* See lib_grammar.h. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "runtime/base/utf8.h"
#include "tests/lib_grammar.h"
#include "tests/lib_vocabulary.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

struct trit_tokenizer *trit_grammar_tokenizer;
struct trit_vocabulary *trit_grammar_vocabulary;
int32_t trit_grammar_end, trit_grammar_control;
static uint64_t state = 12;

static size_t below(size_t n)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (size_t)((state >> 33) % n);
}

static const char *const parts[] = {
    "{\"",         "\":",     "\": \"", "\", \"",   "\"}",       "},",       "}}",        "]}",
    "{}",          "[]",      "[[",     "\n  ",     "\n    ",    "  ",       ", ",        ": ",
    "ab",          "abc",     "name",   "\"name\"", "true",      "false",    "null",      "nul",
    "12",          "123",     "-1",     "0.",       ".5",        "e+1",      "\\n",       "\\u00",
    "\\ud83d",     "\\ude00", "\\\"",   "\xc3\xa9", "\xa9\"",    "\xf0\x9f", "\x98\x80",  "a\xc3",
    "<tool_call>", "</tool",  "_call>", "<tool",    "\n{\"name", "</",       "parameter", "think>",
    "</think>\n",  "\n\n",    "\t\t",   "x\ny",     "2024",      "-02-",     "29\"",      "AB",
    "A-",          "\x01y",   "zz\"",   "\"\"",     "a\"",       "abcabc",   "\"a\":1",   "ab\\",
};

/* As vocabularies spell it: in the byte-level alphabet, or with U+2581 for spaces. */
static void add(struct trit_words *v, const char *bytes, bool sentence)
{
    static char room[32768];
    static size_t used;
    char *token = room + used;
    for (const char *c = bytes; *c; c++) {
        const char *piece = !sentence   ? v->alphabet[(uint8_t)*c]
                            : *c == ' ' ? "\xe2\x96\x81"
                                        : (const char[]){ *c, 0 };
        memcpy(room + used, piece, strlen(piece));
        used += strlen(piece);
    }
    used++;
    trit_vocabulary_add(v, token, 1);
}

static int load(struct trit_words *v)
{
    struct trit_error error;
    v->eos = trit_grammar_end = trit_vocabulary_add(v, "<|end|>", 3);
    trit_grammar_control = trit_vocabulary_add(v, "<|other|>", 3);
    if (!trit_vocabulary_load(v, &trit_grammar_tokenizer, &error) &&
        !trit_vocabulary_create(&trit_grammar_vocabulary, trit_grammar_tokenizer, &error))
        return 0;
    print_error("%s\n", error.text);
    return 1;
}

int trit_grammar_set_up(void **unused)
{
    static struct trit_words v;
    (void)unused;
    trit_vocabulary_init(&v);
    for (size_t i = 0; i < COUNT(parts); i++)
        add(&v, parts[i], false);
    return load(&v);
}

int trit_grammar_set_up_sentence(void **unused)
{
    static struct trit_words v;
    static const char letters[] = "{}[]\":,ab1 e<>/";
    (void)unused;
    trit_vocabulary_init_sentence(&v);
    for (size_t i = 0; i < sizeof letters - 1; i++) /* beside the tokens of their bytes */
        add(&v, (const char[]){ letters[i], 0 }, true);
    for (size_t i = 0; i < COUNT(parts); i++)
        if (trit_utf8_valid(parts[i], strlen(parts[i])) == strlen(parts[i]))
            add(&v, parts[i], true);
    trit_vocabulary_add(&v, "\n\n\n", 4);
    trit_vocabulary_add(&v, "<unk>", 2);
    return load(&v);
}

int trit_grammar_tear_down(void **unused)
{
    (void)unused;
    trit_vocabulary_free(trit_grammar_vocabulary);
    trit_tokenizer_free(trit_grammar_tokenizer);
    return 0;
}

json_t *trit_grammar_parse(const char *text)
{
    json_t *json = json_loads(text, JSON_DECODE_ANY, NULL);
    if (!json)
        fail_msg("%s", text);
    return json;
}

struct trit_grammar *trit_grammar_of(const char *text)
{
    struct trit_grammar *grammar;
    struct trit_error error;
    json_t *schema = trit_grammar_parse(text);
    if (trit_grammar_schema(&grammar, schema, NULL, &error))
        fail_msg("%s", error.text);
    json_decref(schema);
    return grammar;
}

bool trit_grammar_has(const uint32_t *mask, int32_t id)
{
    return mask[id / 32] >> id % 32 & 1;
}

/* Whether an end can be reached over bytes, looking at many places at most. */
static bool has_end(struct trit_stacks *stacks, uint32_t from)
{
    enum { MOST = 4000 };
    static uint32_t queue[MOST];
    static bool seen[1 << 20];
    size_t n = 0, done = 0;
    bool found = false;
    queue[n++] = from;
    seen[from] = true;
    while (done < n && !found) {
        const uint32_t at = queue[done++];
        found = trit_stacks_complete(stacks, at);
        /* What closes comes first. */
        for (int i = 0; i < 256 && !found; i++) {
            const uint8_t byte = (uint8_t)(i < 8 ? "\"}]1ae>/"[i] : i);
            const uint32_t to = trit_stacks_step(stacks, at, byte);
            if (to != TRIT_STACKS_DEAD && !seen[to] && n < MOST) {
                seen[to] = true;
                queue[n++] = to;
            }
        }
    }
    for (size_t i = 0; i < n; i++)
        seen[queue[i]] = false;
    return found;
}

/* Each token byte by byte, against the mask. */
static void check_mask(struct trit_stacks *stacks, uint32_t at, const uint32_t *mask)
{
    for (int32_t id = 0; (size_t)id < trit_tokenizer_size(trit_grammar_tokenizer); id++) {
        const struct trit_text t = trit_tokenizer_decode(trit_grammar_tokenizer, id, false);
        uint32_t to = at;
        for (size_t i = 0; i < t.n && to != TRIT_STACKS_DEAD; i++)
            to = trit_stacks_step(stacks, to, (uint8_t)t.s[i]);
        const bool may = id == trit_grammar_end ? trit_stacks_complete(stacks, at)
                                                : t.n > 0 && to != TRIT_STACKS_DEAD;
        if (trit_grammar_has(mask, id) != may)
            fail_msg("token %d (%.*s) is %d", (int)id, (int)t.n, t.s, trit_grammar_has(mask, id));
    }
}

static int32_t any(const uint32_t *mask)
{
    const size_t n = trit_tokenizer_size(trit_grammar_tokenizer), start = below(n);
    for (size_t i = 0; i < n; i++)
        if (trit_grammar_has(mask, (int32_t)((start + i) % n)))
            return (int32_t)((start + i) % n);
    fail_msg("a dead end");
    return -1;
}

void trit_grammar_walk(const struct trit_grammar *grammar, size_t tokens)
{
    struct trit_stacks *stacks = trit_stacks_create(grammar);
    uint32_t at = TRIT_STACKS_START;
    struct trit_matcher *m;
    assert_int_equal(trit_matcher_create(&m, grammar, trit_grammar_vocabulary, NULL), TRIT_OK);
    for (size_t n = 0; n < tokens; n++) {
        const uint32_t *mask = trit_matcher_mask(m);
        const int32_t id = any(mask);
        const struct trit_text t = trit_tokenizer_decode(trit_grammar_tokenizer, id, false);
        check_mask(stacks, at, mask);
        assert_true(n % 4 || has_end(stacks, at));
        assert_true(trit_matcher_accept(m, id));
        if (id == trit_grammar_end)
            break;
        for (size_t i = 0; i < t.n; i++)
            at = trit_stacks_step(stacks, at, (uint8_t)t.s[i]);
    }
    trit_matcher_free(m);
    trit_stacks_free(stacks);
}

int trit_grammar_takes(const struct trit_grammar *grammar, const char *text)
{
    struct trit_matcher *m;
    bool good = true;
    assert_int_equal(trit_matcher_create(&m, grammar, trit_grammar_vocabulary, NULL), TRIT_OK);
    for (const char *c = text; *c && good; c++)
        good = trit_grammar_has(trit_matcher_mask(m), (uint8_t)*c) &&
               trit_matcher_accept(m, (uint8_t)*c);
    const int result = !good ? -1 : trit_matcher_complete(m);
    trit_matcher_free(m);
    return result;
}

void trit_grammar_check(const struct trit_grammar *grammar, const char *text)
{
    struct trit_stacks *stacks = trit_stacks_create(grammar);
    uint32_t at = TRIT_STACKS_START;
    struct trit_matcher *m;
    assert_int_equal(trit_matcher_create(&m, grammar, trit_grammar_vocabulary, NULL), TRIT_OK);
    for (const char *c = text; *c; c++) {
        assert_true(trit_matcher_accept(m, (uint8_t)*c));
        at = trit_stacks_step(stacks, at, (uint8_t)*c);
    }
    check_mask(stacks, at, trit_matcher_mask(m));
    trit_matcher_free(m);
    trit_stacks_free(stacks);
}
