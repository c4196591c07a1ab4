/* The keys tritmill.* of a file: what is computed otherwise in a model that has them, and has no
   key in other programs' files. */
#ifndef TRIT_OWN_H
#define TRIT_OWN_H

#include "runtime/format/gguf.h"
#include "runtime/model/model.h"

/* Into config. TRIT_EUNSUPPORTED for a key that is not known, and for a value. */
enum trit_code trit_own_read(struct trit_config *config, const struct trit_gguf *gguf,
                             struct trit_error *error);

#endif
