/* Pre-tokenizers: they cut text into the pieces within which tokens are merged. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>

#include "runtime/base/mem.h"
#include "runtime/text/internal.h"

/* As in tokenizer.json (FORMATS-2, section 7), but for \s, which in PCRE2 has U+180E and in Unicode
   has not. Every character begins some branch, and no branch is empty: anchored, it never fails.
   Letters newer than PCRE2's Unicode (14 in 10.42) are cut as signs; HuggingFace's tables may know
   them. */
#define SPLIT(letters, digits)                                                  \
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?[" letters "]+|" digits \
    "| ?[^\\p{White_Space}" letters "\\p{N}]+[\\r\\n]*"                         \
    "|\\p{White_Space}*[\\r\\n]+|\\p{White_Space}+(?!\\P{White_Space})|\\p{White_Space}+"

static const char *const patterns[TRIT_NSPLITS] = {
    [TRIT_SPLIT_LLAMA3] = SPLIT("\\p{L}", "\\p{N}{1,3}"),
    [TRIT_SPLIT_QWEN2] = SPLIT("\\p{L}", "\\p{N}"),
    [TRIT_SPLIT_QWEN35] = SPLIT("\\p{L}\\p{M}", "\\p{N}"),
};

struct trit_splitter {
    pcre2_code *code;
    bool jit;
};

struct trit_split {
    const struct trit_splitter *splitter;
    pcre2_match_data *match;
    pcre2_match_context *context;
};

static enum trit_code pcre2_fail(struct trit_error *error, const char *what, int number)
{
    char text[128];
    pcre2_get_error_message(number, (PCRE2_UCHAR *)text, sizeof text);
    return trit_fail(error, number == PCRE2_ERROR_NOMEMORY ? TRIT_EMEMORY : TRIT_EUNSUPPORTED,
                     "tokenizer: PCRE2 cannot %s: %s", what, text);
}

enum trit_code trit_splitter_create(struct trit_splitter **splitter, enum trit_split_kind kind,
                                    struct trit_error *error)
{
    int number;
    PCRE2_SIZE offset;
    struct trit_splitter *s = trit_alloc(1, sizeof *s);
    if (!s)
        return trit_fail(error, TRIT_EMEMORY, "tokenizer: no memory");
    s->code = pcre2_compile((PCRE2_SPTR)patterns[kind], PCRE2_ZERO_TERMINATED,
                            PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C | PCRE2_ANCHORED,
                            &number, &offset, NULL);
    if (!s->code) {
        free(s);
        return pcre2_fail(error, "compile the pre-tokenizer's pattern", number);
    }
    /* A system that forbids writable code refuses the JIT: the interpreter gives the same pieces.
     */
    s->jit = pcre2_jit_compile(s->code, PCRE2_JIT_COMPLETE) == 0;
    *splitter = s;
    return TRIT_OK;
}

void trit_splitter_free(struct trit_splitter *splitter)
{
    if (!splitter)
        return;
    pcre2_code_free(splitter->code);
    free(splitter);
}

struct trit_split *trit_split_create(const struct trit_splitter *splitter)
{
    struct trit_split *s = trit_alloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->splitter = splitter;
    s->match = pcre2_match_data_create_from_pattern(splitter->code, NULL);
    s->context = pcre2_match_context_create(NULL);
    if (!s->match || !s->context) {
        trit_split_free(s);
        return NULL;
    }
    /* The default of ten million steps ends in a run of white space of a few MB; one step per byte
     * is the rule here. */
    pcre2_set_match_limit(s->context, UINT32_MAX);
    return s;
}

void trit_split_free(struct trit_split *split)
{
    if (!split)
        return;
    pcre2_match_data_free(split->match);
    pcre2_match_context_free(split->context);
    free(split);
}

enum trit_code trit_split_next(struct trit_split *split, struct trit_text text, size_t from,
                               size_t *length, struct trit_error *error)
{
    const struct trit_splitter *s = split->splitter;
    PCRE2_SPTR subject = (PCRE2_SPTR)text.s;
    int got = PCRE2_ERROR_JIT_STACKLIMIT;
    if (s->jit)
        got = pcre2_jit_match(s->code, subject, text.n, from, 0, split->match, split->context);
    if (got == PCRE2_ERROR_JIT_STACKLIMIT)
        got = pcre2_match(s->code, subject, text.n, from, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT,
                          split->match, split->context);
    if (got < 0)
        return pcre2_fail(error, "split this text", got);
    *length = pcre2_get_ovector_pointer(split->match)[1] - from;
    return TRIT_OK;
}
