/* What the files that take answers apart share: the text that is held back, and the state. Each
   state looks at the front of what is held, tells and takes what it understands, and says whether
   it got on; where it did not, it waits for more text. */
#ifndef TRIT_CHAT_ANSWER_H
#define TRIT_CHAT_ANSWER_H

#include "runtime/chat/parts.h"

enum trit_answer_state {
    TRIT_ANSWER_BEGIN,  /* thinking may begin */
    TRIT_ANSWER_THINKS, /* within thinking */
    TRIT_ANSWER_FIRST,  /* content may begin with a call that is all of it */
    TRIT_ANSWER_TEXT,   /* within content */
    TRIT_ANSWER_HEAD,   /* a call may begin here: up to its name */
    TRIT_ANSWER_WHOLE,  /* a call in an order of its own: up to the object's end */
    TRIT_ANSWER_OBJECT, /* within the object of arguments */
    TRIT_ANSWER_REST,   /* after it, within the call's object */
    TRIT_ANSWER_NEXT,   /* XML: before a parameter, or the end */
    TRIT_ANSWER_VALUE,  /* XML: within a parameter's value */
    TRIT_ANSWER_TAIL,   /* before the tag that ends a call */
    TRIT_ANSWER_NSTATES,
};

/* A walk over one JSON value: how deep, and whether within a string. */
struct trit_json_walk {
    size_t depth;
    bool string, escape, begun;
};

struct trit_answer {
    const struct trit_chat_traits *traits;
    const struct trit_call_form_row *row;
    json_t *tools;
    struct trit_answer_sink sink;

    enum trit_answer_state state;
    char *s; /* held: n bytes from s + from */
    size_t from, n, room;
    size_t seen;  /* bytes of what is held that the state knows already */
    size_t tag;   /* white space held before a call */
    size_t calls; /* told */
    bool lead;    /* newlines that come now are dropped */
    bool after;   /* only white space came since a call */
    bool ending;
    struct trit_json_walk walk;
    const json_t *properties; /* of the call's parameters; NULL: not known */
    size_t parameters;        /* of the call so far */
    bool raw;                 /* the parameter is a string */
};

static inline const char *trit_answer_held(const struct trit_answer *a)
{
    return a->s + a->from;
}
void trit_answer_tell(struct trit_answer *a, enum trit_answer_part part, const char *text,
                      size_t n);
void trit_answer_drop(struct trit_answer *a, size_t n); /* from the front */
/* What was held as a call's beginning is content. Always true. */
bool trit_answer_no_call(struct trit_answer *a);
/* A call of this function begins; false: there is no such tool, and nothing was told. */
bool trit_answer_call(struct trit_answer *a, const char *name, size_t n);

/* How text goes on with a literal: MORE: it ended before that could be seen. */
enum trit_match { TRIT_MATCH_NO, TRIT_MATCH_MORE, TRIT_MATCH_YES };
enum trit_match trit_answer_match(const char *s, size_t n, const char *literal);
size_t trit_answer_blanks(const char *s, size_t n); /* white space at s */
/* Where `literal` first stands at or after `from`, or where its beginning ends the text; n. */
size_t trit_answer_find(const char *s, size_t n, size_t from, const char *literal);

bool trit_answer_head(struct trit_answer *a);
bool trit_answer_whole(struct trit_answer *a);
bool trit_answer_object(struct trit_answer *a);
bool trit_answer_rest(struct trit_answer *a);
bool trit_answer_xml_head(struct trit_answer *a);
bool trit_answer_next(struct trit_answer *a);
bool trit_answer_value(struct trit_answer *a);

#endif
