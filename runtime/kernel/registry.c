/* All kernels, one row each: the built-in ones and those that libraries brought. */
#include "runtime/kernel.h"

#include <stdlib.h>
#include <string.h>

#include "kernel_set.h"

#define TRIT_KERNEL(name, op, packing, act, mr, nr, kr, k, n, isa, cost, source, hash) \
    trit_##op##_fn name;
#include "kernels.inc"
#undef TRIT_KERNEL

static const struct trit_kernel built_in[] = {
#define TRIT_KERNEL(name, op, packing, act, mr, nr, kr, k, n, isa, cost, source, hash) \
    { #name, TRIT_OP_##op, packing, act,           mr, nr, kr, k, n, TRIT_ISA_##isa,   \
      cost,  source,       hash,    { .op = name } },
#include "kernels.inc"
#undef TRIT_KERNEL
};

enum { NBUILT_IN = sizeof built_in / sizeof *built_in };
const char trit_kernel_set[] = TRIT_KERNEL_SET;

/* Rows of libraries, in the order in which they came. */
static struct {
    const struct trit_kernel **rows;
    size_t n;
} added;

size_t trit_kernel_count(void)
{
    return NBUILT_IN + added.n;
}

const struct trit_kernel *trit_kernel_at(size_t i)
{
    return i < NBUILT_IN             ? &built_in[i]
           : i < trit_kernel_count() ? added.rows[i - NBUILT_IN]
                                     : NULL;
}

enum trit_code trit_kernels_add(const struct trit_kernel *rows, size_t n, struct trit_error *error)
{
    if (n == 0) /* which realloc could take for a wish to free */
        return TRIT_OK;
    const struct trit_kernel **all = realloc(added.rows, (added.n + n) * sizeof *all);
    if (!all)
        return trit_fail(error, TRIT_EMEMORY, "no memory for %zu more kernels", n);
    added.rows = all;
    for (size_t i = 0; i < n; i++)
        added.rows[added.n++] = &rows[i];
    return TRIT_OK;
}

static const char *const op_names[TRIT_NOP] = { "gemv",    "gemm", "quant", "norm",  "relu2",
                                                "softmax", "qk",   "pv",    "head",  "read",
                                                "peak",    "rows", "cols",  "merge", "half",
                                                "split",   "silu" };

const char *trit_op_name(enum trit_op op)
{
    return op < TRIT_NOP ? op_names[op] : "?";
}

enum trit_op trit_op_find(const char *name)
{
    unsigned op = 0;
    while (op < TRIT_NOP && strcmp(op_names[op], name))
        op++;
    return (enum trit_op)op;
}

const struct trit_kernel *trit_kernel_find(const char *name)
{
    for (size_t i = trit_kernel_count(); i-- > 0;)
        if (!strcmp(trit_kernel_at(i)->name, name))
            return trit_kernel_at(i);
    return NULL;
}
