/* Which version this is; the build writes the commit into trit_commit.h (commit.cmake). */
#include "runtime/cli/cli.h"

#if __has_include("trit_commit.h")
#include "trit_commit.h"
#endif

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
