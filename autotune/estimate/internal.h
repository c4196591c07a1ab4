/* Private to `tritmill estimate`: how it is shown. */
#ifndef TRIT_ESTIMATE_INTERNAL_H
#define TRIT_ESTIMATE_INTERNAL_H

#include "autotune/estimate/estimate.h"

/* In the order of the choices of -o. */
enum { TRIT_ESTIMATE_MD, TRIT_ESTIMATE_JSON, TRIT_ESTIMATE_CSV };

/* On stdout. */
enum trit_code trit_estimate_show(const struct trit_estimate *e, int output,
                                  struct trit_error *error);

#endif
