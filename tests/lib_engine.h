/* Small models as engines, for tests of what runs on them. */
#ifndef TRIT_LIB_ENGINE_H
#define TRIT_LIB_ENGINE_H

#include "runtime/engine/engine.h"

enum { TRIT_TOY_POISON = 200 }; /* a token of which no finite state comes */

struct trit_toy_engine {
    const char *name;
    struct trit_engine engine;
    uint8_t *image; /* where it lies; NULL: in a file, which is gone already */
    bool poison;    /* it has that token */
};

/* To be closed whatever is returned. Layers of attention; some with states; with states and a
   prediction block, whose drafts are mostly right. */
enum trit_code trit_toy_engine_plain(struct trit_toy_engine *toy, struct trit_error *error);
enum trit_code trit_toy_engine_hybrid(struct trit_toy_engine *toy, struct trit_error *error);
enum trit_code trit_toy_engine_block(struct trit_toy_engine *toy, struct trit_error *error);
void trit_toy_engine_close(struct trit_toy_engine *toy);

#endif
