/* A small vocabulary, and texts that are held to grammars over it. */
#ifndef TRIT_LIB_GRAMMAR_H
#define TRIT_LIB_GRAMMAR_H

#include "runtime/grammar/internal.h"

extern struct trit_tokenizer *trit_grammar_tokenizer;
extern struct trit_vocabulary *trit_grammar_vocabulary;
extern int32_t trit_grammar_end, trit_grammar_control; /* tokens; token b is the byte b */

/* For groups of tests of cmocka. */
int trit_grammar_set_up(void **unused);
int trit_grammar_set_up_sentence(void **unused); /* the same in a SentencePiece vocabulary */
int trit_grammar_tear_down(void **unused);

/* These fail the test where they cannot. */
json_t *trit_grammar_parse(const char *text);
struct trit_grammar *trit_grammar_of(const char *schema);

bool trit_grammar_has(const uint32_t *mask, int32_t id);
/* A text by bytes, with a matcher: -1: refused, 0: begun, 1: complete. */
int trit_grammar_takes(const struct trit_grammar *grammar, const char *text);
/* Fails the test where the mask behind a text, by bytes, is not what may come. */
void trit_grammar_check(const struct trit_grammar *grammar, const char *text);
/* A random text; fails the test where a mask is not what bytes say, and where no end can be
   reached. */
void trit_grammar_walk(const struct trit_grammar *grammar, size_t tokens);

#endif
