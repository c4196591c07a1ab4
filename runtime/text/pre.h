/* Pre-tokenizers: what tokenizer.ggml.pre names, and the regular expressions behind the names. The
   one place that has them, for reading GGUF and for those who make one of a tokenizer.json. */
#ifndef TRIT_PRE_H
#define TRIT_PRE_H

#include "runtime/format/gguf.h"

enum { TRIT_PRE_STEPS = 4 };

/* What a tokenizer.json names without writing it out, as steps; the first is ByteLevel with
   use_regex. */
#define TRIT_PRE_BYTE_LEVEL                                             \
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+" \
    "|\\s+(?!\\S)|\\s+"
#define TRIT_PRE_DIGIT       "\\p{N}"                     /* Digits, individual_digits */
#define TRIT_PRE_DIGITS      "\\p{N}+"                    /* Digits */
#define TRIT_PRE_PUNCTUATION "[\\p{P}\\$\\+<=>\\^~\\|`]+" /* Punctuation, Contiguous */

/* Each step cuts the pieces that the one before left: its matches and what lies between them both
   stay pieces (behavior Isolated). Steps are spelt as in tokenizer.json, the last is followed by
   NULL or the end of the array. */
struct trit_pre {
    const char *name; /* tokenizer.ggml.pre */
    const char *steps[TRIT_PRE_STEPS];
    bool whole;   /* a piece that is a token stays one (ignore_merges) */
    bool add_bos; /* where the file does not say */
};

/* By what tokenizer.ggml.pre says, other names of the same included; NULL: unknown. */
const struct trit_pre *trit_pre_named(struct trit_text name);
/* By the steps of a tokenizer.json, in order, ByteLevel without use_regex left out; NULL: unknown.
   Whether its ignore_merges is what `whole` says is the caller's to look at. */
const struct trit_pre *trit_pre_find(const char *const *steps, size_t n);
/* What stands for a file that has no tokenizer.ggml.pre, or "default". llama3s: its vocabulary is
   Llama 3's (TRIT_PRE_LLAMA3 is one of its tokens), as 2B4T's is, which has no such key. */
const struct trit_pre *trit_pre_absent(bool llama3s);
#define TRIT_PRE_LLAMA3 "<|begin_of_text|>"

/* "llama-bpe, llama3, ...": all names. Returns out. */
char *trit_pre_list(char *out, size_t room);

#endif
