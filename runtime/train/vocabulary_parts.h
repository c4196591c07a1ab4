/* What the files of the vocabulary's writer share. */
#ifndef TRIT_TRAIN_VOCABULARY_PARTS_H
#define TRIT_TRAIN_VOCABULARY_PARTS_H

#include <jansson.h>

#include "runtime/train/vocabulary.h"

#define TRIT_TRAIN_CONFIG_NAME "tokenizer_config.json"

extern const struct trit_file_kind trit_train_output_json, trit_train_output_config;
/* Writes json, an object, and releases it; NULL is told as no memory. */
enum trit_code trit_train_write_json(json_t *json, const char *path,
                                     const struct trit_file_kind *kind, struct trit_error *error);

/* The file of that name in the folder that path lies in, of malloc; NULL: no memory. */
char *trit_train_beside(const char *path, const char *name);

#endif
