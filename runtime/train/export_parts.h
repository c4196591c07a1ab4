/* What the writers of trained models share. */
#ifndef TRIT_TRAIN_EXPORT_PARTS_H
#define TRIT_TRAIN_EXPORT_PARTS_H

#include "runtime/convert/hf.h"
#include "runtime/train/export.h"

/* A family, as Hugging Face's config has it. */
struct trit_train_class {
    const char *name, *type, *act;
};
extern const struct trit_train_class trit_train_classes[TRIT_TRAIN_FAMILIES];

/* What is trained, as Hugging Face's config has it; its root and path are NULL. */
struct trit_hf_config trit_train_config(const struct trit_train_shape *shape);

/* The model as a source whose matrices are quantised. Closed with trit_source_close; what must
   outlive it. path: for messages. */
enum trit_code trit_train_source(struct trit_source **source, const struct trit_train_export *what,
                                 const char *path, struct trit_error *error);

/* That the vocabulary has as many tokens as the model. */
enum trit_code trit_train_check_tokens(const struct trit_train_export *what,
                                       struct trit_error *error);

#endif
