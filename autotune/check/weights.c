/* Weights as kernels read them. The cases are packed as the runtime packs, which is fast; here that
   is held to the reference's packing, for every kernel's NR. */
#include <string.h>

#include "autotune/check/internal.h"
#include "runtime/base/mem.h"
#include "runtime/kernel/pack.h"
#include "runtime/kernel/ref.h"

void trit_check_pack(const struct trit_kernel *kernel, size_t n, size_t k, const int8_t *weights,
                     uint8_t *packed)
{
    const struct trit_packing *p = trit_packing_find(kernel->packing);
    const size_t nr = (size_t)kernel->nr, block = trit_packed_bytes(p, nr, k, nr);
    uint8_t *codes = trit_check_scratch(trit_check_min(n, nr) * k, 1);
    for (size_t j = 0; j < n; j += nr, packed += block) {
        const size_t rows = trit_check_min(n - j, nr);
        for (size_t i = 0; i < rows * k; i++)
            codes[i] = (uint8_t)(weights[j * k + i] - p->low);
        trit_pack_block(p, &(struct trit_codes){ codes, k, rows, k, NULL, 0 }, nr, packed);
    }
}

void trit_check_packing(const struct trit_kernel *kernel)
{
    const struct trit_packing *p = trit_packing_find(kernel->packing);
    const size_t nr = (size_t)kernel->nr;
    trit_check_case("packing %s, act %s, NR %zu, KR %d", kernel->packing, kernel->act, nr,
                    kernel->kr);
    if (!p || strcmp(kernel->act, "i8") || (size_t)kernel->kr != p->kr || nr % p->unit)
        trit_check_fail("no reference for this packing");
    const size_t n = nr + 1 + nr / 2,
                 k = trit_check_between(1, 2) * p->kr * 5 + trit_check_between(0, p->kr - 1);
    trit_check_scratch_reset();
    int8_t *weights = trit_check_scratch(n * k, 1);
    const size_t bytes = trit_packed_bytes(p, n, k, nr);
    uint8_t *got = trit_check_scratch(bytes, 1), *want = trit_check_scratch(bytes, 1);
    for (size_t i = 0; i < n * k; i++)
        weights[i] = (int8_t)(p->low + (int)trit_check_between(0, (size_t)(p->high - p->low)));
    trit_check_pack(kernel, n, k, weights, got);
    trit_ref_pack(kernel->packing, n, k, weights, nr, want);
    for (size_t i = 0; i < bytes; i++)
        if (got[i] != want[i])
            trit_check_fail("byte %zu of the packed weights is %d, want %d", i, got[i], want[i]);
}
