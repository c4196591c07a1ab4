/* The sampling that a model's file advises. */
#ifndef TRIT_ADVICE_H
#define TRIT_ADVICE_H

#include "runtime/decode/sampler.h"
#include "runtime/format/gguf.h"

/* The defaults for a model: trit_sampling_default, but for what its file says,
   general.sampling.temp, top_k, top_p, min_p, penalty_repeat and penalty_last_n (llama.cpp's keys,
   of its pull request 17120; it knows more, which are passed over). TRIT_EFORMAT naming file and
   key where one is no number, or out of range. */
enum trit_code trit_sampling_advised(struct trit_sampling *sampling, const struct trit_gguf *gguf,
                                     struct trit_error *error);

#endif
