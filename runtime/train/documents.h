/* Texts to train on: UTF-8 files of documents. A line that is <|endoftext|> ends a document and is
   no part of it; line ends around a document are none either. */
#ifndef TRIT_TRAIN_DOCUMENTS_H
#define TRIT_TRAIN_DOCUMENTS_H

#include "runtime/format/gguf.h"

/* The control token that ends a document, and stands before the first: BOS and EOS at once. */
#define TRIT_TRAIN_END "<|endoftext|>"

struct trit_train_text {
    const char *path;
    char *data;
    size_t bytes;
};

/* Reads a whole file; path must outlive it. TRIT_EFORMAT names file and offset: not UTF-8, a byte
   that is 0 (so it is no text), no document. */
enum trit_code trit_train_text_open(struct trit_train_text *text, const char *path,
                                    struct trit_error *error);
void trit_train_text_close(struct trit_train_text *text); /* one of zeros allowed */

/* The document at or behind *at (0: the first), and *at behind it; false past the last. Documents
   are not empty. */
bool trit_train_text_next(const struct trit_train_text *text, size_t *at,
                          struct trit_text *document);

#endif
