/* A prompt's ids, and where turns begin in them. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/chat/parts.h"

static bool ends_line(const struct trit_tokenizer *t, int32_t id)
{
    struct trit_text text = trit_tokenizer_decode(t, id, true);
    return text.n > 0 && text.s[text.n - 1] == '\n';
}

static bool blank(const struct trit_tokenizer *t, int32_t id)
{
    struct trit_text text = trit_tokenizer_decode(t, id, true);
    size_t n = 0;
    while (n < text.n && strchr(" \n\r\t", text.s[n]) && text.s[n])
        n++;
    return n == text.n;
}

/* A control token that begins a turn: no end, and the first of all, or after an end or a line. */
static bool begins(const struct trit_tokenizer *t, const int32_t *ids, size_t at, bool after_end)
{
    if (!trit_tokenizer_is_special(t, ids[at]) || trit_tokenizer_is_end(t, ids[at]))
        return false;
    return after_end || ends_line(t, ids[at - 1]) || ids[at - 1] == trit_tokenizer_bos(t);
}

/* After an end token a turn begins with the next control token if only white space stands between,
   else at once. */
static size_t find_turns(const struct trit_tokenizer *t, const int32_t *ids, size_t n,
                         size_t *turns)
{
    size_t found = 0, end = 0; /* end: place after an end token whose turn is still sought */
    for (size_t i = 1; i < n; i++) {
        if (begins(t, ids, i, end > 0)) {
            turns[found++] = i;
            end = 0;
        } else if (end > 0 && !blank(t, ids[i])) {
            turns[found++] = end;
            end = 0;
        }
        if (trit_tokenizer_is_end(t, ids[i]))
            end = i + 1;
    }
    return found;
}

static enum trit_code put_bos(const struct trit_tokenizer *t, struct trit_chat_ids *ids,
                              struct trit_error *error)
{
    if (!trit_tokenizer_lacks_bos(t, ids->ids, ids->n))
        return TRIT_OK;
    int32_t *longer = realloc(ids->ids, (ids->n + 1) * sizeof *longer);
    if (!longer)
        return trit_fail(error, TRIT_EMEMORY, "no memory for %zu tokens", ids->n);
    memmove(longer + 1, longer, ids->n * sizeof *longer);
    longer[0] = trit_tokenizer_bos(t);
    ids->ids = longer;
    ids->n++;
    return TRIT_OK;
}

enum trit_code trit_chat_encode(const struct trit_tokenizer *tokenizer,
                                const struct trit_chat_prompt *prompt, struct trit_chat_ids *ids,
                                struct trit_error *error)
{
    const struct trit_text text = { prompt->text, prompt->bytes };
    *ids = (struct trit_chat_ids){ 0 };
    enum trit_code code =
        trit_tokenizer_encode_marked(tokenizer, text, prompt->given, &ids->ids, &ids->n, error);
    if (!code)
        code = put_bos(tokenizer, ids, error);
    if (!code && !(ids->turns = trit_alloc(ids->n + 1, sizeof *ids->turns)))
        code = trit_fail(error, TRIT_EMEMORY, "no memory for %zu tokens", ids->n);
    if (code) {
        free(ids->ids);
        *ids = (struct trit_chat_ids){ 0 };
        return code;
    }
    ids->nturns = find_turns(tokenizer, ids->ids, ids->n, ids->turns);
    return TRIT_OK;
}

struct trit_text trit_chat_piece(const struct trit_chat *chat,
                                 const struct trit_tokenizer *tokenizer, int32_t id)
{
    const struct trit_chat_traits *traits = trit_chat_traits(chat);
    const struct trit_call_form_row *calls = &trit_call_forms[traits->calls];
    const char *const marks[] = { traits->think, traits->thought, calls->enter, calls->end };
    const struct trit_text plain = trit_tokenizer_decode(tokenizer, id, false),
                           text = trit_tokenizer_decode(tokenizer, id, true);
    for (size_t i = 0; !plain.n && text.n && i < sizeof marks / sizeof *marks; i++)
        if (marks[i] && memmem(marks[i], strlen(marks[i]), text.s, text.n))
            return text;
    return plain;
}
