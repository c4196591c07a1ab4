/* Which version this is; the build may name the commit with -DTRIT_COMMIT="...". */
#include "runtime/cli/cli.h"

#ifndef TRIT_VERSION
#define TRIT_VERSION "0.1.0"
#endif
#ifndef TRIT_COMMIT
#define TRIT_COMMIT "unknown"
#endif

const char *trit_version(void)
{
    return TRIT_VERSION;
}

const char *trit_commit(void)
{
    return TRIT_COMMIT;
}
