/* Byte-level BPE learnt from texts. Texts are cut as the runtime's tokenizer cuts them: at control
   tokens, then by a pre-tokenizer (runtime/text/cut.h); pieces that are equal are counted once. The
   first 256 ids are the bytes, in the order of the characters that spell them (byte-level
   alphabet). Then, again and again, the pair of neighbouring ids that occurs most often, each piece
   as often as it was counted, becomes a new id; of pairs that occur equally often the one whose
   left id is smaller, then whose right id is smaller. So the result depends on the texts alone. */
#ifndef TRIT_TRAIN_BPE_H
#define TRIT_TRAIN_BPE_H

#include "runtime/base/stop.h"
#include "runtime/text/cut.h"
#include "runtime/train/documents.h"

enum {
    TRIT_TRAIN_BYTES = 256,
    TRIT_TRAIN_TOKEN_MAX = 256, /* bytes of a token: no pair becomes a longer one */
    TRIT_TRAIN_PAIR_MIN = 2,    /* a pair that occurs less often stays one */
    TRIT_TRAIN_VOCAB_MAX = 1 << 20,
};

struct trit_train_merge {
    uint32_t left, right; /* ids */
};

struct trit_train_bpe {
    struct trit_strings tokens; /* their bytes, by id */
    struct trit_train_merge *merges;
    size_t nmerges;  /* one may make a token that another has made: at least tokens.n - 256 */
    uint64_t length; /* tokens of all the texts, as these merges make them, control tokens apart */
};

/* What is counted so far. */
struct trit_train_counts;

/* control: texts of control tokens, which no piece holds. */
enum trit_code trit_train_counts_create(struct trit_train_counts **counts,
                                        const struct trit_pre *pre, const struct trit_text *control,
                                        size_t ncontrol, struct trit_error *error);
/* Adds a document. Parts of more than 1024 bytes that a pre-tokenizer leaves uncut count as several
   pieces. TRIT_EMEMORY: more than 2^32 bytes of pieces that differ, too. */
enum trit_code trit_train_counts_add(struct trit_train_counts *counts, struct trit_text document,
                                     struct trit_error *error);
void trit_train_counts_free(struct trit_train_counts *counts); /* NULL allowed */

struct trit_train_bpe_ask {
    size_t tokens; /* wanted, the 256 bytes among them, at most TRIT_TRAIN_VOCAB_MAX */
    trit_progress_fn *progress;
    void *progress_arg;
};

/* Learns bpe->tokens.n tokens: as many as wanted, or fewer where no pair is left. TRIT_ESTOPPED
   where progress says so. Whatever comes, trit_train_bpe_free. */
enum trit_code trit_train_bpe_learn(struct trit_train_bpe *bpe,
                                    const struct trit_train_counts *counts,
                                    const struct trit_train_bpe_ask *ask, struct trit_error *error);
void trit_train_bpe_free(struct trit_train_bpe *bpe); /* one of zeros allowed */

#endif
