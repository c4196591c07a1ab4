/* The generator: expands templates into kernels. Lua 5.4 does the text, C gives it files and
 * limits. */
#ifndef TRIT_GENERATE_H
#define TRIT_GENERATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/error.h"

struct trit_shape_nk {
    size_t n, k;
};

struct trit_generate {
    const char *lua;       /* folder of the generator's Lua files; NULL: the installed ones */
    const char *templates; /* folder of the templates, isa/ and floats/ below it; NULL: likewise */
    const char *user_templates; /* a folder that is searched before it; NULL: none */
    const char *out;            /* where kernels and registry files go; NULL: nothing is written */
    const char *isa;            /* only this ISA; NULL: all of the architecture */
    const char *arch;           /* "x86_64", "aarch64"; NULL: of this program */
    bool known_arch;            /* a named arch that no vocabulary is for is TRIT_EARGUMENT, else it
                                   gets the portable kernels */
    const char *suffix;         /* appended to every technique, letters and digits; NULL: none */
    const struct trit_shape_nk
        *shapes; /* gemv and gemm for these shapes only; none: the general kernels */
    size_t nshapes;
    bool (*want)(void *arg, const char *name); /* whether to expand that variant, asked in a child
                                                  process; NULL: all */
    void *want_arg;
};

/* One expanded variant, as handed to `each`; the strings live for the call. */
struct trit_variant {
    const char *name, *source, *text, *hash;
    const char *isa, *row,
        *flags;   /* row: its line of kernels.inc; flags: what it is compiled with */
    size_t bytes; /* of text */
};
typedef void trit_variant_fn(void *arg, const struct trit_variant *variant);

/* Expands all variants that are asked for, in the order of their names, and calls each (may be
   NULL) for every one. Files whose text did not change are not touched. Errors name template, line
   and variant; TRIT_EARGUMENT an unknown isa or arch, with those there are. Lua runs in a child
   process with limits on memory, instructions and CPU time: a template that goes beyond them is an
   error, too. */
enum trit_code trit_generate(const struct trit_generate *what, trit_variant_fn *each, void *arg,
                             struct trit_error *error);

#endif
