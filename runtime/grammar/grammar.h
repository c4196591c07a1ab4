/* Which texts an answer may be: JSON, what a JSON Schema describes, calls of tools; and which
   tokens keep a text inside, exactly: a token is allowed if and only if some text of the grammar
   begins with what is there so far and the token's bytes.

   Grammars and vocabularies do not change once made, and may be used by several threads at once; a
   matcher belongs to one thread at a time. */
#ifndef TRIT_GRAMMAR_H
#define TRIT_GRAMMAR_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/error.h"
#include "runtime/grammar/calls.h"
#include "runtime/text/tokenizer.h"

struct trit_grammar;

/* What stands before the text that is held to the grammar. */
struct trit_grammar_frame {
    const char *until; /* any text up to and with this ("</think>\n\n"); NULL: nothing */
};

/* Any JSON object. frame may be NULL, here and below. */
enum trit_code trit_grammar_json(struct trit_grammar **grammar,
                                 const struct trit_grammar_frame *frame, struct trit_error *error);
/* What the schema describes, in the subset that README states: TRIT_EUNSUPPORTED names the path and
   keyword of what is outside of it, TRIT_EARGUMENT what is no schema or too large. */
enum trit_code trit_grammar_schema(struct trit_grammar **grammar, const json_t *schema,
                                   const struct trit_grammar_frame *frame,
                                   struct trit_error *error);

/* Calls of tools, in the form of a family. */
struct trit_call_rules {
    enum trit_call_form form;
    const json_t
        *tools;       /* OpenAI's array: [{"type": "function", "function": {name, parameters}}] */
    const char *only; /* the name of the one that must be called; NULL: any */
    bool parallel;    /* several */
    bool must;        /* the answer is calls; else any text, in which what begins a call is one */
};
enum trit_code trit_grammar_calls(struct trit_grammar **grammar,
                                  const struct trit_call_rules *rules,
                                  const struct trit_grammar_frame *frame, struct trit_error *error);
void trit_grammar_free(struct trit_grammar *grammar); /* NULL allowed */

/* The tokens of a tokenizer, by their bytes: made once, and kept as long as matchers use it. The
   tokenizer must outlive it. */
struct trit_vocabulary;
enum trit_code trit_vocabulary_create(struct trit_vocabulary **vocabulary,
                                      const struct trit_tokenizer *tokenizer,
                                      struct trit_error *error);
void trit_vocabulary_free(struct trit_vocabulary *vocabulary);

/* A text on its way through a grammar. */
struct trit_matcher;
enum trit_code trit_matcher_create(struct trit_matcher **matcher,
                                   const struct trit_grammar *grammar,
                                   const struct trit_vocabulary *vocabulary,
                                   struct trit_error *error);
void trit_matcher_free(struct trit_matcher *matcher);
/* One bit a token, id i at bit i % 32 of word i / 32: it may come next; end tokens where the text
   may end here. Control tokens that are no end never may. Valid until the next accept. NULL: no
   memory, or a schema made to take too long: the text cannot go on. */
const uint32_t *trit_matcher_mask(struct trit_matcher *matcher);
/* The token comes next; false, and nothing has changed, where it may not. An end token ends it. */
bool trit_matcher_accept(struct trit_matcher *matcher, int32_t token);
/* Whether the text may end here. */
bool trit_matcher_complete(const struct trit_matcher *matcher);

#endif
