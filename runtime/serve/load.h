/* Loading a model that is to be served, and what becomes of it. Private to runtime/serve. */
#ifndef TRIT_SERVE_LOAD_H
#define TRIT_SERVE_LOAD_H

#include "runtime/serve/models.h"

/* By its path, in so many bytes (0: as many as are free). *stop: it is given up. After an error,
   nothing of it is loaded, and it may be tried again; TRIT_EMEMORY where other models may have to
   go first. */
enum trit_code trit_served_load(struct trit_served *served,
                                const struct trit_models_options *options, uint64_t room,
                                const bool *stop, struct trit_error *error);
void trit_served_free(struct trit_served *served);
bool trit_served_replaced(const struct trit_served *served); /* its path leads to another file */

#endif
