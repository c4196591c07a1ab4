/* Cutting text into the pieces within which tokens are merged, as a pre-tokenizer says. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/text/internal.h"

struct trit_splitter {
    pcre2_code *codes[TRIT_PRE_STEPS];
    bool jit[TRIT_PRE_STEPS];
    size_t n;
};

struct trit_split {
    const struct trit_splitter *splitter;
    pcre2_match_data *match;
    pcre2_match_context *context;
    struct trit_text text;
    size_t at;
    size_t ends[TRIT_PRE_STEPS]; /* of each step's piece that at lies in; at: it is to be found */
};

static enum trit_code pcre2_fail(struct trit_error *error, const char *what, int number)
{
    char text[128];
    pcre2_get_error_message(number, (PCRE2_UCHAR *)text, sizeof text);
    return trit_fail(error, number == PCRE2_ERROR_NOMEMORY ? TRIT_EMEMORY : TRIT_EUNSUPPORTED,
                     "tokenizer: PCRE2 cannot %s: %s", what, text);
}

enum { PATTERN_MAX = 512 };

/* A step with White_Space for \s and \S, which in PCRE2 have U+180E and in Unicode have not. Of
   letters newer than PCRE2's Unicode (14 in 10.42) signs are made; HuggingFace's tables may know
   them. */
static void spell(const char *step, char out[PATTERN_MAX])
{
    size_t n = 0;
    for (; *step && n < PATTERN_MAX - 20; step++) {
        const bool escaped = step[0] == '\\';
        const char *space = !escaped         ? NULL
                            : step[1] == 's' ? "\\p{White_Space}"
                            : step[1] == 'S' ? "\\P{White_Space}"
                                             : NULL;
        if (space) {
            memcpy(out + n, space, strlen(space));
            n += strlen(space);
        } else {
            out[n++] = *step;
            if (escaped && step[1])
                out[n++] = step[1];
        }
        step += escaped && step[1];
    }
    out[n] = 0;
}

static enum trit_code compile(struct trit_splitter *s, const char *step, struct trit_error *error)
{
    char pattern[PATTERN_MAX];
    int number;
    PCRE2_SIZE offset;
    spell(step, pattern);
    pcre2_code *code =
        pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
                      PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, &number, &offset, NULL);
    if (!code)
        return pcre2_fail(error, "compile the pre-tokenizer's pattern", number);
    /* A system that forbids writable code refuses the JIT: the interpreter gives the same pieces.
     */
    s->jit[s->n] = pcre2_jit_compile(code, PCRE2_JIT_COMPLETE) == 0;
    s->codes[s->n++] = code;
    return TRIT_OK;
}

enum trit_code trit_splitter_create(struct trit_splitter **splitter, const struct trit_pre *pre,
                                    struct trit_error *error)
{
    struct trit_splitter *s = trit_alloc(1, sizeof *s);
    if (!s)
        return trit_fail(error, TRIT_EMEMORY, "tokenizer: no memory");
    enum trit_code code = TRIT_OK;
    for (size_t i = 0; i < TRIT_PRE_STEPS && pre->steps[i] && !code; i++)
        code = compile(s, pre->steps[i], error);
    if (code)
        trit_splitter_free(s);
    else
        *splitter = s;
    return code;
}

void trit_splitter_free(struct trit_splitter *splitter)
{
    if (!splitter)
        return;
    for (size_t i = 0; i < splitter->n; i++)
        pcre2_code_free(splitter->codes[i]);
    free(splitter);
}

struct trit_split *trit_split_create(const struct trit_splitter *splitter)
{
    struct trit_split *s = trit_alloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->splitter = splitter;
    s->match = pcre2_match_data_create(1, NULL);
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

void trit_split_begin(struct trit_split *split, struct trit_text text)
{
    split->text = text;
    split->at = 0;
    memset(split->ends, 0, sizeof split->ends);
}

/* Where the piece of step i ends that begins at s->at, within a piece of the step before that ends
   at limit: a match, or what lies before the next one. */
static enum trit_code find_end(struct trit_split *s, size_t i, size_t limit,
                               struct trit_error *error)
{
    const pcre2_code *code = s->splitter->codes[i];
    PCRE2_SPTR subject = (PCRE2_SPTR)s->text.s;
    int got = PCRE2_ERROR_JIT_STACKLIMIT;
    if (s->splitter->jit[i])
        got = pcre2_jit_match(code, subject, limit, s->at, 0, s->match, s->context);
    if (got == PCRE2_ERROR_JIT_STACKLIMIT)
        got = pcre2_match(code, subject, limit, s->at, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, s->match,
                          s->context);
    s->ends[i] = limit;
    if (got == PCRE2_ERROR_NOMATCH)
        return TRIT_OK;
    if (got < 0)
        return pcre2_fail(error, "split this text", got);
    const PCRE2_SIZE *found = pcre2_get_ovector_pointer(s->match);
    s->ends[i] = found[0] > s->at ? found[0] : found[1];
    return TRIT_OK;
}

enum trit_code trit_split_next(struct trit_split *s, struct trit_text *piece,
                               struct trit_error *error)
{
    size_t end = s->text.n;
    for (size_t i = 0; i < s->splitter->n && s->at < s->text.n; i++) {
        enum trit_code code = s->ends[i] > s->at ? TRIT_OK : find_end(s, i, end, error);
        if (code)
            return code;
        end = s->ends[i];
    }
    *piece = (struct trit_text){ s->text.s + s->at, end - s->at };
    s->at = end;
    return TRIT_OK;
}
