/* The names of kernels, which are their whole declarations. */
#ifndef TRIT_NAME_H
#define TRIT_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TRIT_NAME_WORD = 24 };

/* What trit_<op>_<packing>_<act>_<MR>x<NR>x<KR>[_k<K>][_n<N>]__<isa>[_<technique>] says. Whether
   there is such an operation, packing or ISA is not looked at. */
struct trit_name {
    char op[TRIT_NAME_WORD], packing[TRIT_NAME_WORD], act[TRIT_NAME_WORD], isa[TRIT_NAME_WORD];
    uint64_t mr, nr, kr, k, n; /* k, n: 0 where the name has none */
    const char *technique;     /* the end of the name; "" where it has none */
};

/* False where text is not a kernel's name. Words are ASCII letters and digits, numbers have at most
   ten digits and no leading zero. generator/name.lua is the same grammar for templates;
   tests/test_name.c holds the two against each other. */
bool trit_name_parse(const char *text, struct trit_name *name);

#endif
