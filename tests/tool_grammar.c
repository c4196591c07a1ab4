/* Texts that grammars allow. For each line of its input, an object, one line of output.

   grammar MODEL

   In: schema, or tools with form, only, parallel, must; until; walks: how many random texts, seed;
   texts: those to be taken token by token. Out: error, or walks (an object each: text, whether it
   came to an end, tokens) and taken (a bool each); ms: of masks, the median and the worst. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runtime/base/random.h"
#include "runtime/grammar/grammar.h"

enum { LONG = 60, LONGEST = 3000, MOST_MASKS = 1 << 20 };

static struct trit_tokenizer *tokenizer;
static struct trit_vocabulary *vocabulary;
static uint64_t state;
static double *costs;
static size_t ncosts;

/* Seconds of this thread: the machine may be busy. */
static double cpu(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static size_t below(size_t n)
{
    return (size_t)(trit_random_next(&state) % n);
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static bool allowed(const uint32_t *mask, size_t id)
{
    return mask[id / 32] >> id % 32 & 1;
}

/* One of those allowed, by their order from a random one on. */
static int32_t any(const uint32_t *mask)
{
    const size_t n = trit_tokenizer_size(tokenizer), start = below(n);
    for (size_t i = 0; i < n; i++)
        if (allowed(mask, (start + i) % n))
            return (int32_t)((start + i) % n);
    return -1;
}

/* The one that is this text; -1: it is not allowed. */
static int32_t exactly(const uint32_t *mask, const char *text)
{
    for (size_t i = 0; i < trit_tokenizer_size(tokenizer); i++) {
        const struct trit_text t = trit_tokenizer_decode(tokenizer, (int32_t)i, false);
        if (allowed(mask, i) && t.n == strlen(text) && !memcmp(t.s, text, t.n))
            return (int32_t)i;
    }
    return -1;
}

/* Towards an end where there have been many; else often a short one of a few. */
static int32_t choose(const struct trit_matcher *m, const uint32_t *mask, size_t done)
{
    static const char *const ends[] = { "\"", "}", "]", ">", "\n" };
    if (trit_matcher_complete(m) && (done > LONG || !below(3)))
        for (size_t i = 0; i < trit_tokenizer_size(tokenizer); i++)
            if (allowed(mask, i) && trit_tokenizer_is_end(tokenizer, (int32_t)i))
                return (int32_t)i;
    for (size_t i = 0; i < 5 && (done > LONG || !below(12)); i++) {
        const int32_t id = exactly(mask, ends[i]);
        if (id >= 0)
            return id;
    }
    int32_t best = any(mask);
    for (size_t tries = below(4); tries > 0; tries--) {
        const int32_t other = any(mask);
        if (trit_tokenizer_decode(tokenizer, other, false).n <
            trit_tokenizer_decode(tokenizer, best, false).n)
            best = other;
    }
    return best;
}

static json_t *walk(const struct trit_grammar *grammar)
{
    struct trit_matcher *m;
    char *text = NULL;
    size_t used = 0, tokens = 0;
    bool ended = false;
    FILE *out = open_memstream(&text, &used);
    if (!out || trit_matcher_create(&m, grammar, vocabulary, NULL))
        exit(1);
    for (; tokens < LONGEST && !ended; tokens++) {
        const double start = cpu();
        const uint32_t *mask = trit_matcher_mask(m);
        if (ncosts < MOST_MASKS)
            costs[ncosts++] = cpu() - start;
        const int32_t id = mask ? choose(m, mask, tokens) : -1;
        if (id < 0)
            break; /* a dead end */
        ended = trit_tokenizer_is_end(tokenizer, id);
        const struct trit_text t = trit_tokenizer_decode(tokenizer, id, false);
        if (!ended)
            fwrite(t.s, 1, t.n, out);
        if (!trit_matcher_accept(m, id))
            exit(1);
    }
    fclose(out);
    trit_matcher_free(m);
    json_t *said =
        json_pack("{s:o, s:b, s:b, s:I}", "text", json_stringn(text, used), "ended", (int)ended,
                  "dead", (int)(!ended && tokens < LONGEST), "tokens", (json_int_t)tokens);
    free(text);
    return said;
}

/* Token by token, each in the mask, and complete at its end. */
static bool takes(const struct trit_grammar *grammar, const json_t *text)
{
    const struct trit_text bytes = { json_string_value(text), json_string_length(text) };
    struct trit_matcher *m;
    int32_t *ids;
    size_t n;
    bool good = true;
    if (trit_tokenizer_encode(tokenizer, bytes, false, &ids, &n, NULL) ||
        trit_matcher_create(&m, grammar, vocabulary, NULL))
        exit(1);
    for (size_t i = 0; i < n && good; i++)
        good = allowed(trit_matcher_mask(m), (size_t)ids[i]) && trit_matcher_accept(m, ids[i]);
    good = good && trit_matcher_complete(m);
    trit_matcher_free(m);
    free(ids);
    return good;
}

static enum trit_code make(struct trit_grammar **grammar, const json_t *ask,
                           struct trit_error *error)
{
    const char *form = json_string_value(json_object_get(ask, "form"));
    const struct trit_grammar_frame frame = { json_string_value(json_object_get(ask, "until")) };
    struct trit_call_rules rules = {
        .tools = json_object_get(ask, "tools"),
        .only = json_string_value(json_object_get(ask, "only")),
        .parallel = json_is_true(json_object_get(ask, "parallel")),
        .must = json_is_true(json_object_get(ask, "must")),
    };
    for (int i = 0; i < TRIT_NCALLS; i++)
        if (form && !strcmp(form, trit_call_forms[i].name))
            rules.form = (enum trit_call_form)i;
    return rules.tools ? trit_grammar_calls(grammar, &rules, &frame, error)
           : json_object_get(ask, "schema")
               ? trit_grammar_schema(grammar, json_object_get(ask, "schema"), &frame, error)
               : trit_grammar_json(grammar, &frame, error);
}

static json_t *answer(const json_t *ask)
{
    struct trit_error error;
    struct trit_grammar *grammar;
    json_t *walks = json_array(), *taken = json_array(), *text;
    size_t i;
    if (make(&grammar, ask, &error)) {
        json_decref(walks);
        json_decref(taken);
        return json_pack("{s:s, s:i}", "error", error.text, "code", (int)error.code);
    }
    ncosts = 0;
    state = (uint64_t)json_integer_value(json_object_get(ask, "seed"));
    for (json_int_t n = json_integer_value(json_object_get(ask, "walks")); n > 0; n--)
        json_array_append_new(walks, walk(grammar));
    json_array_foreach(json_object_get(ask, "texts"), i, text)
        json_array_append_new(taken, json_boolean(takes(grammar, text)));
    trit_grammar_free(grammar);
    qsort(costs, ncosts, sizeof *costs, by_size);
    return json_pack("{s:o, s:o, s:[f,f]}", "walks", walks, "taken", taken, "ms",
                     ncosts ? costs[ncosts / 2] * 1e3 : 0.0,
                     ncosts ? costs[ncosts - 1] * 1e3 : 0.0);
}

int main(int argc, char **argv)
{
    struct trit_error error = { .text = "grammar MODEL" };
    struct trit_gguf *gguf;
    char *line = NULL;
    size_t room = 0;
    costs = malloc(MOST_MASKS * sizeof *costs);
    if (argc != 2 || !costs || trit_gguf_open(&gguf, argv[1], &error) ||
        trit_tokenizer_load(&tokenizer, gguf, &error) ||
        trit_vocabulary_create(&vocabulary, tokenizer, &error)) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    while (getline(&line, &room, stdin) > 0) {
        json_t *ask = json_loads(line, JSON_ALLOW_NUL, NULL), *said = ask ? answer(ask) : NULL;
        if (!said || json_dumpf(said, stdout, JSON_COMPACT))
            return 1;
        putchar('\n');
        json_decref(ask);
        json_decref(said);
    }
    free(line);
    free(costs);
    trit_vocabulary_free(vocabulary);
    trit_tokenizer_free(tokenizer);
    trit_gguf_close(gguf);
    return 0;
}
