/* The tokens that are trained on. Each file is encoded once. Its documents (documents.h) are joined
   as BOS document BOS document ..., where BOS is the tokenizer's, or its EOS where it has none;
   control tokens that stand in a document are encoded as such. Every N-th document of a file can be
   held out: it is in another stream, and never trained on.

   The training stream of a file is a ring: behind its last document comes its first. An epoch cuts
   it into floor(tokens / T) sequences of T + 1 tokens, each of which begins at the last token of
   the one before, so that a token is predicted once at most; where the first cut falls, and in
   which order sequences come, differs from epoch to epoch and depends on the seed. They come from
   the files by the files' shares, and none comes again before all of its epoch have come. All of
   this is a function of seed and number of the sequence alone (order.h).

   After trit_train_data_open nothing changes: several threads may read. */
#ifndef TRIT_TRAIN_DATA_H
#define TRIT_TRAIN_DATA_H

#include "runtime/base/stop.h"
#include "runtime/text/tokenizer.h"

enum { TRIT_TRAIN_FILES_MAX = 64 };

/* A text and which share of all sequences comes from it, before shares are made to sum up to 1. */
struct trit_train_source {
    char *path;
    double weight; /* 0: by its tokens */
};

/* "stories.txt:0.7", or "stories.txt" (weight 0): what follows the last ':' is a weight if it is a
   number. free() source->path. TRIT_EARGUMENT: a weight that is not above 0 and finite. */
enum trit_code trit_train_source_parse(struct trit_train_source *source, const char *word,
                                       struct trit_error *error);

struct trit_train_data_ask {
    const struct trit_train_source *sources; /* weights of all, or of none */
    size_t nsources;                         /* 1 .. TRIT_TRAIN_FILES_MAX */
    const struct trit_tokenizer *tokenizer;
    size_t context; /* T, at least 1 */
    uint64_t seed;  /* of the order of sequences */
    size_t held;    /* every N-th document of a file is held out; 0: none, else from 2 */
    trit_progress_fn *progress; /* of each file by itself, in bytes; NULL: none */
    void *progress_arg;
};

/* What came of a file. */
struct trit_train_file {
    const char *path;
    double share;             /* of all sequences; the sum of all is 1 */
    size_t bytes, held_bytes; /* of text, documents alone: trained on, held out */
    size_t documents, held_documents;
    size_t tokens, held_tokens;       /* with the BOS before each document */
    size_t sequences, held_sequences; /* of an epoch; in all */
};

struct trit_train_data;

/* Errors name the file: what trit_train_text_open says of it; fewer than T + 1 tokens to train on
   (TRIT_EARGUMENT); a weight beside files without one, or less than 1/65536 of all
   (TRIT_EARGUMENT); TRIT_ESTOPPED. Held-out sequences may be 0. */
enum trit_code trit_train_data_open(struct trit_train_data **data,
                                    const struct trit_train_data_ask *ask,
                                    struct trit_error *error);
void trit_train_data_free(struct trit_train_data *data); /* NULL allowed */

size_t trit_train_data_files(const struct trit_train_data *data);
const struct trit_train_file *trit_train_data_file(const struct trit_train_data *data, size_t file);
/* Of all that sequences depend on: texts, tokenizer, weights, T, seed, N. */
uint64_t trit_train_data_digest(const struct trit_train_data *data);

/* Sequence number index of the training run, T + 1 tokens: the inputs are the first T, what is to
   be predicted the last T. */
void trit_train_data_sequence(const struct trit_train_data *data, uint64_t index, int32_t *tokens);

/* Sequence number `number` of a file's held-out documents, in their order, T + 1 tokens, each
   beginning at the last token of the one before. Returns the bytes of text that the last T tokens
   stand for, in which control tokens have no part: bits per byte are the loss of the last T tokens
   in bits, by these bytes. What is left behind the last whole one is left out. */
size_t trit_train_data_held(const struct trit_train_data *data, size_t file, size_t number,
                            int32_t *tokens);

#endif
