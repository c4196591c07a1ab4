/* The defaults of sampling for a model. */
#ifndef TRIT_DEFAULTS_H
#define TRIT_DEFAULTS_H

#include "runtime/decode/sampler.h"
#include "runtime/format/gguf.h"

/* trit_sampling_default, but for what the file advises (runtime/format/advice.h). TRIT_EFORMAT
   naming file and key where one is no number, or out of range. */
enum trit_code trit_sampling_advised(struct trit_sampling *sampling, const struct trit_gguf *gguf,
                                     struct trit_error *error);

#endif
