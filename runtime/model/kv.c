/* The kinds of KV cache, and their names. */
#include "runtime/model/internal.h"
#include "runtime/model/kv.h"

#include <string.h>

static const struct trit_kv_kind *const kinds[TRIT_NKV] = {
    [TRIT_KV_F16] = &trit_kv_f16, [TRIT_KV_I8] = &trit_kv_i8
};

const struct trit_kv_kind *trit_kv_kind(enum trit_kv_type type)
{
    return kinds[type];
}

const char *trit_kv_name(enum trit_kv_type type)
{
    return kinds[type]->name;
}

enum trit_kv_type trit_kv_find(const char *name)
{
    unsigned i = 0;
    while (i < TRIT_NKV && strcmp(kinds[i]->name, name))
        i++;
    return (enum trit_kv_type)i;
}
