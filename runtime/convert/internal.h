/* Inside of converting. */
#ifndef TRIT_CONVERT_IMPL_H
#define TRIT_CONVERT_IMPL_H

#include "runtime/convert/convert.h"
#include "runtime/convert/walk.h"

/* The error that names the first row and group of a tensor that the encoder does not hold. */
enum trit_code trit_convert_refuse(struct trit_walk *walk, size_t tensor,
                                   const struct trit_encoder *encoder, struct trit_error *error);

#endif
