/* What the writers of trained models share. */
#ifndef TRIT_TRAIN_EXPORT_PARTS_H
#define TRIT_TRAIN_EXPORT_PARTS_H

#include "runtime/convert/hf.h"
#include "runtime/train/export.h"

/* What is trained, as Hugging Face's config has it; its root and path are NULL. */
struct trit_hf_config trit_train_config(const struct trit_train_shape *shape);

/* The model as a source whose matrices are quantised. Closed with trit_source_close; what must
   outlive it. path: for messages. */
enum trit_code trit_train_source(struct trit_source **source, const struct trit_train_export *what,
                                 const char *path, struct trit_error *error);

#endif
