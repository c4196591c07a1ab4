/* What every function of the C interface needs: errors, structs that grow, turns; the version. */
#include "runtime/api/internal.h"

#include <stdio.h>
#include <string.h>

#define SAME(name) \
    _Static_assert((int)TRIT_LM_##name == (int)TRIT_##name, "numbers of " #name " never change")
SAME(OK);
SAME(EIO);
SAME(EFORMAT);
SAME(EUNSUPPORTED);
SAME(EARGUMENT);
SAME(EMEMORY);
SAME(ESTOPPED);
SAME(EBUSY);
SAME(KV_F16);
SAME(KV_I8);
SAME(SPARSE_AUTO);
SAME(SPARSE_ON);
SAME(SPARSE_OFF);
SAME(DRAFT_AUTO);
SAME(DRAFT_MTP);
SAME(DRAFT_LOOKUP);
SAME(DRAFT_NONE);
SAME(THINK_DEFAULT);
SAME(THINK_ON);
SAME(THINK_OFF);
#undef SAME
_Static_assert((int)TRIT_LM_CONTENT == (int)TRIT_ANSWER_CONTENT &&
                   (int)TRIT_LM_THINKING == (int)TRIT_ANSWER_THINKING &&
                   (int)TRIT_LM_CALL == (int)TRIT_ANSWER_CALL &&
                   (int)TRIT_LM_ARGUMENTS == (int)TRIT_ANSWER_ARGUMENTS,
               "parts of answers");

enum { MOST_BYTES = 4096 }; /* of a caller's struct */

int trit_lm_version(void)
{
    return TRIT_LM_VERSION;
}

const char *trit_lm_version_text(void)
{
    return TRIT_VERSION;
}

enum trit_lm_code trit_api_result(enum trit_code code, const struct trit_error *from,
                                  struct trit_lm_error *error)
{
    if (code && error) {
        error->code = (enum trit_lm_code)code;
        snprintf(error->text, sizeof error->text, "%s", from->text);
    }
    return (enum trit_lm_code)code;
}

static bool all_zero(const char *bytes, size_t n)
{
    while (n && !bytes[n - 1])
        n--;
    return n == 0;
}

enum trit_code trit_api_take(void *ours, size_t known, const void *theirs, const char *name,
                             struct trit_error *error)
{
    size_t size;
    memset(ours, 0, known);
    if (!theirs)
        return TRIT_OK;
    memcpy(&size, theirs, sizeof size);
    if (size < sizeof size || size > MOST_BYTES)
        return trit_fail(error, TRIT_EARGUMENT,
                         "%s.size is %zu: it is to be set to sizeof(struct %s)", name, size, name);
    if (size > known && !all_zero((const char *)theirs + known, size - known))
        return trit_fail(error, TRIT_EARGUMENT,
                         "%s has fields set that this library (%s) does not know", name,
                         TRIT_VERSION);
    memcpy(ours, theirs, size < known ? size : known);
    return TRIT_OK;
}

void trit_api_give(void *theirs, const void *ours, size_t known)
{
    size_t size;
    memcpy(&size, theirs, sizeof size);
    const size_t some = size < known ? size : known;
    if (some > sizeof size)
        memcpy((char *)theirs + sizeof size, (const char *)ours + sizeof size, some - sizeof size);
}
