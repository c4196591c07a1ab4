/* Private to `tritmill check`: kernels that are compiled to be checked, those of a user's templates
   or the program's own by other compilers. */
#ifndef TRIT_CHECK_MAKE_H
#define TRIT_CHECK_MAKE_H

#include "runtime/kernel.h"

enum { TRIT_CHECK_NAME = 192, TRIT_CHECK_PATTERNS = 32 };

struct trit_check_make {
    const char *templates;       /* the user's folder: what it adds or changes; NULL: all kernels */
    const char *cc;              /* compilers, "gcc,clang"; NULL: all that are found */
    const char *const *patterns; /* on names, with or without the compiler at their end */
    int npatterns;               /* 0: everything */
};

struct trit_check_made {
    char (*name)[TRIT_CHECK_NAME]; /* what was asked for; it need not have come into being */
    size_t n, room;
    char failure[1024]; /* the first that does not compile, or was refused when loaded, and why */
};

/* Generates, compiles, loads. Nothing to make is an error. To be freed with trit_check_unmake,
   whatever is returned. */
enum trit_code trit_check_make(const struct trit_check_make *what, struct trit_check_made *made,
                               struct trit_error *error);
void trit_check_unmake(struct trit_check_made *made);

/* The kernel of made->name[i]; NULL where there is none: *why then tells what may not run here, or
   is NULL where something is wrong. */
const struct trit_kernel *trit_check_made_kernel(const struct trit_check_made *made, size_t i,
                                                 const char **why);

#endif
