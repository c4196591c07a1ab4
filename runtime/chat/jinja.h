/* Templates in the subset of Jinja that chats use. A template is compiled once and does not change
   after; each rendering has its own memory, so that several threads may render at once. There are
   no files, no clock, no host. */
#ifndef TRIT_JINJA_H
#define TRIT_JINJA_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/error.h"
#include "runtime/format/gguf.h"

enum {
    TRIT_JINJA_TEXT = 1 << 20,     /* longest template, bytes */
    TRIT_JINJA_NESTING = 120,      /* of blocks and parentheses in a template */
    TRIT_JINJA_DEPTH = 600,        /* of expressions, macros and values while it runs */
    TRIT_JINJA_STEPS = 20000000,   /* nodes evaluated, elements visited, 64 bytes made */
    TRIT_JINJA_OUTPUT = 32 << 20,  /* bytes */
    TRIT_JINJA_MEMORY = 192 << 20, /* bytes of one rendering */
};

struct trit_jinja;

/* TRIT_EUNSUPPORTED names line and what: what the subset lacks, and what is no Jinja. */
enum trit_code trit_jinja_compile(struct trit_jinja **jinja, struct trit_text source,
                                  struct trit_error *error);
void trit_jinja_free(struct trit_jinja *jinja); /* NULL allowed */

/* A variable of the template. given: its texts come from a message. */
struct trit_jinja_variable {
    const char *name;
    const json_t *value;
    bool given;
};
struct trit_jinja_render {
    const struct trit_jinja_variable *variables;
    size_t nvariables;
    size_t steps; /* 0: TRIT_JINJA_STEPS */
};
struct trit_jinja_output {
    char *text;     /* n bytes and a 0; free() */
    uint8_t *given; /* one byte a byte of text: 1 where it came from a message; free() */
    size_t n;
};
/* TRIT_EARGUMENT: the template refuses (raise_exception), or cannot do with these variables;
   TRIT_EUNSUPPORTED: a limit. Both name the line. */
enum trit_code trit_jinja_render(const struct trit_jinja *jinja,
                                 const struct trit_jinja_render *with,
                                 struct trit_jinja_output *output, struct trit_error *error);

#endif
