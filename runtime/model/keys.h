/* Reading keys {arch}.NAME of a file into a config: for config.c and the families' own files. Every
   error names file and key. */
#ifndef TRIT_KEYS_H
#define TRIT_KEYS_H

#include <stddef.h>

#include "runtime/format/gguf.h"
#include "runtime/model/model.h"

struct trit_neutral_key; /* runtime/model/family.h */

/* An integer within min .. max; `fallback` where it is absent and fallback is not 0. */
struct trit_size_key {
    const char *name;
    size_t min, max, fallback, *out;
};
enum trit_code trit_key_size(const struct trit_config *config, const struct trit_gguf *gguf,
                             const struct trit_size_key *key, struct trit_error *error);

/* A number within min .. max; *out as it came where it is absent and *out is not 0. */
struct trit_float_key {
    const char *name;
    float min, max, *out;
};
enum trit_code trit_key_float(const struct trit_config *config, const struct trit_gguf *gguf,
                              const struct trit_float_key *key, struct trit_error *error);

/* Keys that are there with a value that changes something are TRIT_EUNSUPPORTED. */
enum trit_code trit_key_neutral(const struct trit_config *config, const struct trit_gguf *gguf,
                                const struct trit_neutral_key *keys, size_t n,
                                struct trit_error *error);

#endif
