/* Vocabularies as files: a GGUF of tokenizer keys without tensors, or Hugging Face's tokenizer.json
   with a tokenizer_config.json beside it. */
#ifndef TRIT_TRAIN_VOCABULARY_H
#define TRIT_TRAIN_VOCABULARY_H

#include "runtime/format/gguf_write.h"
#include "runtime/text/pre.h"
#include "runtime/text/tokenizer.h"
#include "runtime/train/bpe.h"

/* Turns of a chat, in a text to train on and in the template that vocabularies get:
   "<|user|>\nTEXT\n<|assistant|>\nTEXT<|endoftext|>". */
#define TRIT_TRAIN_USER      "<|user|>"
#define TRIT_TRAIN_ASSISTANT "<|assistant|>"

/* A byte-level vocabulary as it is written. */
struct trit_train_vocabulary {
    const struct trit_pre *pre;
    struct trit_text *tokens; /* by id, as files spell them */
    int32_t *types;           /* enum trit_token_type */
    struct trit_text *merges; /* "left right", the first is merged first */
    size_t n, nmerges;
    int32_t bos, eos; /* ids, -1: none */
    bool add_bos;
    struct trit_text chat_template; /* empty: none */
    char *text;                     /* what the texts above lie in, or NULL */
};

/* What was learnt, and behind it the control tokens in their order, of which TRIT_TRAIN_END is BOS
   and EOS. TRIT_EARGUMENT: a control token is spelt as another token. */
enum trit_code trit_train_vocabulary_create(struct trit_train_vocabulary *v,
                                            const struct trit_train_bpe *bpe,
                                            const struct trit_pre *pre,
                                            const struct trit_text *control, size_t ncontrol,
                                            struct trit_error *error);
/* That of a GGUF, which must outlive it and whose tokenizer trit_tokenizer_load took.
   TRIT_EUNSUPPORTED: it is not byte-level. Whatever comes, trit_train_vocabulary_free. */
enum trit_code trit_train_vocabulary_read(struct trit_train_vocabulary *v,
                                          const struct trit_gguf *gguf, struct trit_error *error);
void trit_train_vocabulary_free(struct trit_train_vocabulary *v); /* one of zeros allowed */

/* What a vocabulary is written as: a tokenizer.json where the file's name ends in .json, else GGUF.
 */
struct trit_train_vocabulary_form {
    const char *ending;
    const struct trit_file_kind *kind;
    const char *beside; /* the name of a second file that it writes, or NULL */
    enum trit_code (*write)(const struct trit_train_vocabulary *v, const char *path,
                            struct trit_error *error);
};
const struct trit_train_vocabulary_form *trit_train_vocabulary_form(const char *path);
/* Whether it may be written at path, as trit_output_check tells; the second file, too. */
enum trit_code trit_train_vocabulary_check(const char *path, const char *const *inputs, size_t n,
                                           struct trit_error *error);

/* All keys of a GGUF that begin "tokenizer.", as they are: for the model that is trained with it.
 */
void trit_train_vocabulary_copy(const struct trit_gguf *gguf, struct trit_gguf_writer *w);
/* tokenizer.json at path, and tokenizer_config.json in the same folder. */
enum trit_code trit_train_vocabulary_write_json(const struct trit_train_vocabulary *v,
                                                const char *path, struct trit_error *error);

/* A vocabulary of a file: a GGUF with tensors or without, or a tokenizer.json (by its ending .json)
   with what stands beside it. *gguf has its keys, *tokenizer is made of them; closed with
   trit_gguf_close and trit_tokenizer_free. Whatever a tokenizer could not use is an error that
   names file and key. TRIT_EUNSUPPORTED, too: there is no token to stand between documents, neither
   BOS nor EOS. */
enum trit_code trit_train_vocabulary_open(struct trit_gguf **gguf,
                                          struct trit_tokenizer **tokenizer, const char *path,
                                          struct trit_error *error);

#endif
