/* Rows of a library: what may become a row of the registry. */
#include <string.h>

#include "runtime/kernel/internal.h"
#include "runtime/kernel/name.h"
#include "runtime/kernel/pack.h"

enum { MAX_TILE = 1024, MAX_NAME = 128 };

static bool is_product(enum trit_op op)
{
    return op == TRIT_OP_gemv || op == TRIT_OP_gemm;
}

static bool declares(const struct trit_library_row *row)
{
    struct trit_name name;
    return strlen(row->name) < MAX_NAME && trit_name_parse(row->name, &name) &&
           !strcmp(name.op, row->op) && !strcmp(name.packing, row->packing) &&
           !strcmp(name.act, row->act) && !strcmp(name.isa, row->isa) &&
           name.mr == (uint64_t)row->mr && name.nr == (uint64_t)row->nr &&
           name.kr == (uint64_t)row->kr && name.k == row->k && name.n == row->n;
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
