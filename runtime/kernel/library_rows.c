/* Rows of a library: what may become a row of the registry. */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>

#include "runtime/kernel/internal.h"
#include "runtime/kernel/pack.h"

enum { MAX_TILE = 1024, MAX_NAME = 128 };

static bool is_product(enum trit_op op)
{
    return op == TRIT_OP_gemv || op == TRIT_OP_gemm;
}

/* Whether the name is trit_<op>_<packing>_<act>_<MR>x<NR>x<KR>[_k<K>][_n<N>]__<isa>[_<technique>]
   of the row. */
static bool declares(const struct trit_library_row *row)
{
    char name[2 * MAX_NAME], k[32] = "", n[32] = "";
    if (row->k)
        snprintf(k, sizeof k, "_k%llu", (unsigned long long)row->k);
    if (row->n)
        snprintf(n, sizeof n, "_n%llu", (unsigned long long)row->n);
    const int length = snprintf(name, sizeof name, "trit_%s_%s_%s_%dx%dx%d%s%s__%s", row->op,
                                row->packing, row->act, row->mr, row->nr, row->kr, k, n, row->isa);
    if (length < 0 || length >= MAX_NAME || strncmp(row->name, name, (size_t)length))
        return false;
    const char *rest = row->name + length;
    return strlen(row->name) < MAX_NAME && (!*rest || (*rest == '_' && rest[1]));
}

static bool in_range(const struct trit_library_row *row)
{
    return row->mr >= 1 && row->mr <= MAX_TILE && row->nr >= 1 && row->nr <= MAX_TILE &&
           row->kr >= 1 && row->kr <= MAX_TILE && row->k <= TRIT_MAX_K && row->n <= 1u << 31 &&
           row->cost >= 0 && row->cost < 1e9;
}

const char *trit_library_row_kernel(const struct trit_library_row *row, struct trit_kernel *kernel)
{
    if (!row->name || !row->op || !row->packing || !row->act || !row->isa || !row->source ||
        !row->fn)
        return "an empty field";
    const enum trit_op op = trit_op_find(row->op);
    const enum trit_isa isa = trit_isa_find(row->isa);
    const struct trit_packing *packing = trit_packing_find(row->packing);
    if (op == TRIT_NOP)
        return "an unknown operation";
    if (isa == TRIT_NISA)
        return "an unknown ISA";
    if (is_product(op) && !packing)
        return "an unknown packing";
    if (!in_range(row) ||
        (is_product(op) && ((size_t)row->kr != packing->kr || row->k % packing->kr ||
                            row->k > packing->max_k + packing->kr)))
        return "impossible numbers";
    if (!declares(row))
        return "a name that does not declare it";
    *kernel = (struct trit_kernel){
        .name = row->name,
        .op = op,
        .packing = row->packing,
        .act = row->act,
        .mr = row->mr,
        .nr = row->nr,
        .kr = row->kr,
        .k = (size_t)row->k,
        .n = (size_t)row->n,
        .isa = isa,
        .cost = (float)row->cost,
        .source = row->source,
        .hash = row->hash,
    };
    memcpy(&kernel->fn, &row->fn, sizeof row->fn);
    return NULL;
}
