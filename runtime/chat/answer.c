/* Answers taken apart as they come: thinking, content, and where calls begin and end. */
#include "runtime/chat/answer.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"

static const char python_tag[] = "<|python_tag|>";

void trit_answer_tell(struct trit_answer *a, enum trit_answer_part part, const char *text, size_t n)
{
    bool call = part == TRIT_ANSWER_CALL || part == TRIT_ANSWER_ARGUMENTS;
    const struct trit_answer_piece piece = { part, call && a->calls ? a->calls - 1 : 0, text, n };
    if (n > 0)
        a->sink.take(a->sink.arg, &piece);
}

void trit_answer_drop(struct trit_answer *a, size_t n)
{
    a->from += n;
    a->n -= n;
}

enum trit_match trit_answer_match(const char *s, size_t n, const char *literal)
{
    size_t want = strlen(literal);
    if (memcmp(s, literal, n < want ? n : want))
        return TRIT_MATCH_NO;
    return n < want ? TRIT_MATCH_MORE : TRIT_MATCH_YES;
}

size_t trit_answer_blanks(const char *s, size_t n)
{
    size_t i = 0;
    while (i < n && (s[i] == ' ' || s[i] == '\n' || s[i] == '\t' || s[i] == '\r'))
        i++;
    return i;
}

size_t trit_answer_find(const char *s, size_t n, size_t from, const char *literal)
{
    for (size_t at = from; at < n; at++) {
        const char *c = memchr(s + at, literal[0], n - at);
        if (!c)
            return n;
        at = (size_t)(c - s);
        if (trit_answer_match(c, n - at, literal) != TRIT_MATCH_NO)
            return at;
    }
    return n;
}

bool trit_answer_call(struct trit_answer *a, const char *name, size_t n)
{
    for (size_t i = 0; i < json_array_size(a->tools); i++) {
        const json_t *function = json_object_get(json_array_get(a->tools, i), "function");
        const json_t *called = json_object_get(function, "name");
        if (json_string_length(called) != n || !json_is_string(called) ||
            memcmp(json_string_value(called), name, n))
            continue;
        a->properties = json_object_get(json_object_get(function, "parameters"), "properties");
        a->parameters = 0;
        a->calls++;
        trit_answer_tell(a, TRIT_ANSWER_CALL, name, n);
        return true;
    }
    return false;
}

/* White space at the end of the n bytes at s. */
static size_t blanks_before(const char *s, size_t n, const char *which)
{
    size_t i = 0;
    while (i < n && s[n - 1 - i] && strchr(which, s[n - 1 - i]))
        i++;
    return i;
}

static bool go(struct trit_answer *a, enum trit_answer_state state)
{
    a->state = state;
    a->seen = 0;
    return true;
}

static bool begin(struct trit_answer *a)
{
    const char *s = trit_answer_held(a);
    size_t blanks = trit_answer_blanks(s, a->n);
    enum trit_match match = trit_answer_match(s + blanks, a->n - blanks, a->traits->think);
    if (match == TRIT_MATCH_MORE && !a->ending)
        return false;
    if (match != TRIT_MATCH_YES)
        return go(a, TRIT_ANSWER_FIRST);
    trit_answer_drop(a, blanks + strlen(a->traits->think));
    a->lead = true;
    return go(a, TRIT_ANSWER_THINKS);
}

static void drop_lead(struct trit_answer *a)
{
    while (a->lead && a->n > 0 && *trit_answer_held(a) == '\n')
        trit_answer_drop(a, 1);
    a->lead = a->lead && a->n == 0;
}

static bool thinks(struct trit_answer *a)
{
    drop_lead(a);
    const char *s = trit_answer_held(a);
    size_t at = trit_answer_find(s, a->n, a->seen, a->traits->thought);
    bool ends = trit_answer_match(s + at, a->n - at, a->traits->thought) == TRIT_MATCH_YES;
    if (!ends && a->ending)
        at = a->n;
    size_t told = at - (ends || !a->ending ? blanks_before(s, at, "\n") : 0);
    trit_answer_tell(a, TRIT_ANSWER_THINKING, s, told);
    if (!ends) {
        trit_answer_drop(a, told);
        a->seen = at - told;
        return false;
    }
    trit_answer_drop(a, at + strlen(a->traits->thought));
    a->lead = true;
    return go(a, TRIT_ANSWER_FIRST);
}

/* An answer that is a call from its first byte on: a `{`, or a tag before it. */
static bool first(struct trit_answer *a)
{
    drop_lead(a);
    const char *s = trit_answer_held(a);
    size_t blanks = trit_answer_blanks(s, a->n);
    bool whole = a->tools && a->row == &trit_call_forms[TRIT_CALLS_LLAMA];
    if (a->lead || (whole && blanks == a->n))
        return a->ending && go(a, TRIT_ANSWER_TEXT);
    if (!whole)
        return go(a, TRIT_ANSWER_TEXT);
    enum trit_match tag = trit_answer_match(s + blanks, a->n - blanks, python_tag);
    if (tag == TRIT_MATCH_MORE && !a->ending)
        return false;
    a->tag = blanks + (tag == TRIT_MATCH_YES ? strlen(python_tag) : 0);
    return go(a, tag == TRIT_MATCH_YES || s[blanks] == '{' ? TRIT_ANSWER_HEAD : TRIT_ANSWER_TEXT);
}

static bool text(struct trit_answer *a)
{
    const char *s = trit_answer_held(a), *enter = a->row->enter;
    bool calls = a->tools && enter && a->row != &trit_call_forms[TRIT_CALLS_LLAMA];
    size_t at = calls ? trit_answer_find(s, a->n, a->seen, enter) : a->n;
    bool found = at < a->n && trit_answer_match(s + at, a->n - at, enter) == TRIT_MATCH_YES;
    if (!found && a->ending)
        at = a->n;
    size_t blanks =
        (calls || a->after) && (found || !a->ending) ? blanks_before(s, at, " \n\t\r") : 0;
    if (!found && a->ending && a->after && trit_answer_blanks(s, a->n) == a->n)
        blanks = at; /* nothing came after the last call */
    a->after = a->after && at == blanks;
    trit_answer_tell(a, TRIT_ANSWER_CONTENT, s, at - blanks);
    trit_answer_drop(a, at - blanks);
    a->seen = blanks;
    a->tag = blanks;
    return found && go(a, TRIT_ANSWER_HEAD);
}

bool trit_answer_no_call(struct trit_answer *a)
{
    size_t n = a->tag < a->n ? a->tag + 1 : a->n;
    a->after = false;
    trit_answer_tell(a, TRIT_ANSWER_CONTENT, trit_answer_held(a), n);
    trit_answer_drop(a, n);
    return go(a, TRIT_ANSWER_TEXT);
}

static bool head(struct trit_answer *a)
{
    return a->row->parameter ? trit_answer_xml_head(a) : trit_answer_head(a);
}

static bool tail(struct trit_answer *a)
{
    static const char tag[] = "</tool_call>";
    const char *s = trit_answer_held(a);
    size_t blanks = trit_answer_blanks(s, a->n);
    enum trit_match match = TRIT_MATCH_NO;
    if (a->row->next)
        match = trit_answer_match(s + blanks, a->n - blanks, tag);
    if (match == TRIT_MATCH_MORE && !a->ending)
        return false;
    if (match == TRIT_MATCH_YES)
        trit_answer_drop(a, blanks + strlen(tag));
    else if (match == TRIT_MATCH_MORE) /* the call is whole, its tag was cut */
        trit_answer_drop(a, a->n);
    a->after = true;
    return go(a, TRIT_ANSWER_TEXT);
}

static void step(struct trit_answer *a)
{
    static bool (*const steps[TRIT_ANSWER_NSTATES])(struct trit_answer * a) = {
        [TRIT_ANSWER_BEGIN] = begin,
        [TRIT_ANSWER_THINKS] = thinks,
        [TRIT_ANSWER_FIRST] = first,
        [TRIT_ANSWER_TEXT] = text,
        [TRIT_ANSWER_HEAD] = head,
        [TRIT_ANSWER_WHOLE] = trit_answer_whole,
        [TRIT_ANSWER_OBJECT] = trit_answer_object,
        [TRIT_ANSWER_REST] = trit_answer_rest,
        [TRIT_ANSWER_NEXT] = trit_answer_next,
        [TRIT_ANSWER_VALUE] = trit_answer_value,
        [TRIT_ANSWER_TAIL] = tail,
    };
    while (steps[a->state](a))
        ;
}

enum trit_code trit_answer_create(struct trit_answer **answer, const struct trit_chat *chat,
                                  bool thinking, const json_t *tools,
                                  const struct trit_answer_sink *sink, struct trit_error *error)
{
    struct trit_answer *a = calloc(1, sizeof *a);
    *answer = a;
    if (!a)
        return trit_fail(error, TRIT_EMEMORY, "no memory for an answer");
    a->traits = &chat->traits;
    a->row = &trit_call_forms[chat->traits.calls];
    if (json_array_size(tools) > 0 && chat->traits.calls != TRIT_CALLS_NONE)
        a->tools = json_incref((json_t *)(uintptr_t)tools);
    a->sink = *sink;
    a->lead = thinking;
    a->state = !a->traits->think ? TRIT_ANSWER_FIRST
               : thinking        ? TRIT_ANSWER_THINKS
                                 : TRIT_ANSWER_BEGIN;
    return TRIT_OK;
}

/* What is held moves to the front before more comes. */
static bool reserve(struct trit_answer *a, size_t bytes)
{
    if (a->from > 0 && a->n > 0)
        memmove(a->s, a->s + a->from, a->n);
    a->from = 0;
    return trit_grow(&a->s, &a->room, a->n + bytes + 1, 1);
}

enum trit_code trit_answer_feed(struct trit_answer *answer, const char *text_, size_t bytes,
                                struct trit_error *error)
{
    if (!reserve(answer, bytes))
        return trit_fail(error, TRIT_EMEMORY, "no memory for an answer");
    if (bytes > 0)
        memcpy(answer->s + answer->n, text_, bytes);
    answer->n += bytes;
    step(answer);
    return TRIT_OK;
}

enum trit_code trit_answer_end(struct trit_answer *answer, struct trit_error *error)
{
    answer->ending = true;
    return trit_answer_feed(answer, "", 0, error);
}

size_t trit_answer_calls(const struct trit_answer *answer)
{
    return answer->calls;
}

void trit_answer_free(struct trit_answer *answer)
{
    if (!answer)
        return;
    json_decref(answer->tools);
    free(answer->s);
    free(answer);
}
