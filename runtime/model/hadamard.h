/* Weights that were rotated by Walsh-Hadamard transforms of blocks of their columns: what a file's
   keys say of that (FORMATS-2, section 3.5; source: Prism's conversion of Bonsai 2). A rotation
   that cannot be honoured exactly is refused by name. */
#ifndef TRIT_HADAMARD_H
#define TRIT_HADAMARD_H

#include "runtime/format/gguf.h"
#include "runtime/model/model.h"

/* The keys prism.hadamard.* into config->hadamard, whose family is known; zeros where there are
   none. TRIT_EUNSUPPORTED where the family does not know them, and for another version, transform,
   axis, mode of signs. */
enum trit_code trit_hadamard_read(struct trit_config *config, const struct trit_gguf *gguf,
                                  struct trit_error *error);

/* Sets rotated[i] for each of the file's tensors that the keys name. foldable[i]: tensor i is a
   matrix whose inputs can be rotated. Any other name, and a width that the block does not divide or
   that has no signs, is refused. */
enum trit_code trit_hadamard_names(const struct trit_config *config, const struct trit_gguf *gguf,
                                   const bool *foldable, bool *rotated, struct trit_error *error);

/* Signs of one width of inputs, 1 or -1. */
struct trit_signs {
    size_t width;
    float *sign; /* NULL past the last of a list */
};
enum { TRIT_SIGNS_MAX = 8 }; /* widths */
/* Those of the file: none where all are 1. Freed with trit_signs_free. */
enum trit_code trit_signs_load(struct trit_signs signs[TRIT_SIGNS_MAX],
                               const struct trit_config *config, const struct trit_gguf *gguf,
                               struct trit_error *error);
void trit_signs_free(struct trit_signs signs[TRIT_SIGNS_MAX]);
/* Of that width, NULL where all are 1. */
const float *trit_signs_of(const struct trit_signs signs[TRIT_SIGNS_MAX], size_t width);

#endif
