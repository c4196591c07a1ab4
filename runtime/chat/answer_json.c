/* Calls that are a JSON object: {"name": F, "arguments": {..}}. The arguments are told as they
   come, byte for byte. */
#include <stdlib.h>
#include <string.h>

#include "runtime/chat/answer.h"

enum { HEAD_MAX = 4096 }; /* bytes up to the arguments */

/* A place in what is held; state: whether it went on as it should. */
struct cursor {
    const char *s;
    size_t n, at;
    enum trit_match state;
};

static void skip(struct cursor *c)
{
    c->at += trit_answer_blanks(c->s + c->at, c->n - c->at);
}

static bool expect(struct cursor *c, const char *literal)
{
    if (c->state != TRIT_MATCH_YES)
        return false;
    skip(c);
    c->state = trit_answer_match(c->s + c->at, c->n - c->at, literal);
    if (c->state == TRIT_MATCH_YES)
        c->at += strlen(literal);
    return c->state == TRIT_MATCH_YES;
}

/* Takes bytes up to and with the value's end; true: it ended. Returns by *at what it took. */
static bool walk(struct trit_json_walk *w, const char *s, size_t n, size_t *at)
{
    for (; *at < n; ++*at) {
        char c = s[*at];
        if (w->escape) {
            w->escape = false;
        } else if (w->string) {
            w->escape = c == '\\';
            w->string = c != '"';
        } else {
            w->string = c == '"';
            w->depth += c == '{' || c == '[';
            w->depth -= w->depth > 0 && (c == '}' || c == ']');
            w->begun |= c == '{';
        }
        if (w->begun && w->depth == 0) {
            ++*at;
            return true;
        }
    }
    return false;
}

/* The string that the cursor stands before, with its quotes. */
static json_t *string(struct cursor *c)
{
    skip(c);
    if (c->state != TRIT_MATCH_YES || !expect(c, "\""))
        return NULL;
    size_t from = c->at - 1, to = c->at;
    while (to < c->n && c->s[to] != '"')
        to += c->s[to] == '\\' ? 2 : 1;
    if (to >= c->n) {
        c->state = TRIT_MATCH_MORE;
        return NULL;
    }
    json_t *value = json_loadb(c->s + from, to + 1 - from, JSON_DECODE_ANY, NULL);
    c->at = to + 1;
    if (!value)
        c->state = TRIT_MATCH_NO;
    return value;
}

/* {"name": F, "arguments": up to the brace of its object; *name: free with json_decref. */
static void usual_head(struct cursor *c, json_t **name)
{
    struct cursor other;
    expect(c, "{");
    expect(c, "\"name\"");
    expect(c, ":");
    *name = string(c);
    expect(c, ",");
    other = *c;
    if (!expect(c, "\"arguments\"")) {
        expect(&other, "\"parameters\"");
        if (c->state == TRIT_MATCH_NO)
            *c = other;
    }
    expect(c, ":");
    skip(c);
    if (c->state == TRIT_MATCH_YES)
        c->state = trit_answer_match(c->s + c->at, c->n - c->at, "{");
}

/* Where the call's object should begin: after the tag, if the form has one. */
static struct cursor object_at(const struct trit_answer *a)
{
    struct cursor c = { trit_answer_held(a), a->n, a->tag, TRIT_MATCH_YES };
    if (a->row->next)
        expect(&c, a->row->enter);
    return c;
}

bool trit_answer_head(struct trit_answer *a)
{
    struct cursor c = object_at(a), brace = c;
    json_t *name = NULL;
    expect(&brace, "{");
    usual_head(&c, &name);
    bool usual = c.state == TRIT_MATCH_YES && c.at + 1 - a->tag <= HEAD_MAX;
    bool known = usual && trit_answer_call(a, json_string_value(name), json_string_length(name));
    json_decref(name);
    if (known) {
        trit_answer_drop(a, c.at);
        a->walk = (struct trit_json_walk){ 0 };
        a->state = TRIT_ANSWER_OBJECT;
        return true;
    }
    if (brace.state == TRIT_MATCH_MORE || (c.state == TRIT_MATCH_MORE && a->n - a->tag < HEAD_MAX))
        return a->ending && trit_answer_no_call(a);
    if (brace.state == TRIT_MATCH_NO || usual)
        return trit_answer_no_call(a);
    a->walk = (struct trit_json_walk){ 0 };
    a->seen = brace.at - 1;
    a->state = TRIT_ANSWER_WHOLE;
    return true;
}

/* Arguments as JSON: an object, or the text of one; NULL: neither. */
static char *arguments(const json_t *call)
{
    const json_t *v = json_object_get(call, "arguments");
    v = v ? v : json_object_get(call, "parameters");
    if (!v)
        return strdup("{}");
    if (json_is_object(v))
        return json_dumps(v, JSON_COMPACT);
    json_t *inner = json_is_string(v) ? json_loads(json_string_value(v), 0, NULL) : NULL;
    char *text = json_is_object(inner) ? strdup(json_string_value(v)) : NULL;
    json_decref(inner);
    return text;
}

/* In another order, or without arguments: told when it is all there. */
bool trit_answer_whole(struct trit_answer *a)
{
    struct cursor c = object_at(a);
    const char *s = trit_answer_held(a);
    skip(&c);
    if (!walk(&a->walk, s, a->n, &a->seen))
        return a->ending && trit_answer_no_call(a);
    json_t *call = json_loadb(s + c.at, a->seen - c.at, 0, NULL);
    const json_t *name = json_object_get(call, "name");
    char *text = json_is_string(name) ? arguments(call) : NULL;
    bool told = text && trit_answer_call(a, json_string_value(name), json_string_length(name));
    if (told)
        trit_answer_tell(a, TRIT_ANSWER_ARGUMENTS, text, strlen(text));
    free(text);
    json_decref(call);
    if (!told)
        return trit_answer_no_call(a);
    trit_answer_drop(a, a->seen);
    a->state = TRIT_ANSWER_TAIL;
    return true;
}

bool trit_answer_object(struct trit_answer *a)
{
    size_t n = 0;
    bool ended = walk(&a->walk, trit_answer_held(a), a->n, &n);
    trit_answer_tell(a, TRIT_ANSWER_ARGUMENTS, trit_answer_held(a), n);
    trit_answer_drop(a, n);
    if (ended) {
        a->walk = (struct trit_json_walk){ .depth = 1, .begun = true };
        a->state = TRIT_ANSWER_REST;
    }
    return ended;
}

/* Members after the arguments are not told. */
bool trit_answer_rest(struct trit_answer *a)
{
    size_t n = 0;
    bool ended = walk(&a->walk, trit_answer_held(a), a->n, &n);
    trit_answer_drop(a, n);
    if (ended)
        a->state = TRIT_ANSWER_TAIL;
    return ended;
}
