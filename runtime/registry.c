/* All kernels that were generated, one row each. */
#include "runtime/kernel.h"

#include <string.h>

#include "kernel_set.h"

#define TRIT_KERNEL(name, op, packing, act, mr, nr, kr, k, n, isa, cost, source, hash) \
    trit_##op##_fn name;
#include "kernels.inc"
#undef TRIT_KERNEL

const struct trit_kernel trit_kernels[] = {
#define TRIT_KERNEL(name, op, packing, act, mr, nr, kr, k, n, isa, cost, source, hash) \
    { #name, TRIT_OP_##op, packing, act,           mr, nr, kr, k, n, TRIT_ISA_##isa,   \
      cost,  source,       hash,    { .op = name } },
#include "kernels.inc"
#undef TRIT_KERNEL
};

const size_t trit_nkernels = sizeof trit_kernels / sizeof *trit_kernels;
const char trit_kernel_set[] = TRIT_KERNEL_SET;

const char *trit_op_name(enum trit_op op)
{
    static const char *const names[TRIT_NOP] = { "gemv",  "gemm",    "quant", "norm",
                                                 "relu2", "softmax", "qk",    "pv",
                                                 "head",  "read",    "peak" };
    return op < TRIT_NOP ? names[op] : "?";
}

const struct trit_kernel *trit_kernel_find(const char *name)
{
    for (size_t i = 0; i < trit_nkernels; i++)
        if (!strcmp(trit_kernels[i].name, name))
            return &trit_kernels[i];
    return NULL;
}
