/* Weights as kernels read them. The cases are packed as the runtime packs, which is fast; here that
   is held to the reference's packing, for every kernel's NR. */
#include <string.h>

#include "autotune/check/internal.h"
#include "runtime/base/mem.h"
#include "runtime/kernel/pack.h"
#include "runtime/kernel/ref.h"

void trit_check_pack(const struct trit_kernel *kernel, const struct trit_check_matrix *x,
                     uint8_t *packed)
{
    const struct trit_packing *p = trit_packing_find(kernel->packing);
    const size_t nr = (size_t)kernel->nr, k = x->k, block = trit_packed_bytes(p, nr, k, nr),
                 groups = p->group ? k / p->group : 0;
    uint8_t *codes = trit_check_unset(trit_check_min(x->n, nr) * k, 1);
    for (size_t j = 0; j < x->n; j += nr, packed += block) {
        const size_t rows = trit_check_min(x->n - j, nr);
        for (size_t i = 0; i < rows * k; i++)
            codes[i] = (uint8_t)(x->weights[j * k + i] - p->low);
        const struct trit_codes c = { codes, k, rows, k, x->scales ? x->scales + j * groups : NULL,
                                      groups };
        trit_pack_block(p, &c, nr, packed);
    }
}

struct trit_check_range trit_check_weights(const struct trit_packing *p)
{
    return (struct trit_check_range){ p->low, p->step,
                                      (unsigned)((p->high - p->low) / p->step) + 1 };
}

uint16_t trit_check_scale(void)
{
    static const uint16_t ends[] = { 0, 1, 0x3ff, 0x400, 0x7bff };
    const size_t i = trit_check_between(0, 40);
    return i < sizeof ends / sizeof *ends ? ends[i] : (uint16_t)trit_check_between(0x1000, 0x3c00);
}

void trit_check_packing(const struct trit_kernel *kernel)
{
    const struct trit_packing *p = trit_packing_find(kernel->packing);
    const size_t nr = (size_t)kernel->nr;
    trit_check_case("packing %s, act %s, NR %zu, KR %d", kernel->packing, kernel->act, nr,
                    kernel->kr);
    if (!p || strcmp(kernel->act, "i8") || (size_t)kernel->kr != p->kr || nr % p->unit)
        trit_check_fail("no reference for this packing");
    const size_t unit = p->group ? p->group : 1, n = nr + 1 + nr / 2,
                 k = trit_check_between(1, 2) * p->kr * 5 +
                     trit_check_between(0, (p->kr - 1) / unit) * unit;
    trit_check_scratch_reset();
    int8_t *weights = trit_check_scratch(n * k, 1);
    uint16_t *scales = trit_check_scratch(n * k / unit, sizeof *scales);
    const size_t bytes = trit_packed_bytes(p, n, k, nr);
    uint8_t *got = trit_check_scratch(bytes, 1), *want = trit_check_scratch(bytes, 1);
    trit_check_codes(weights, n * k, trit_check_weights(p));
    for (size_t i = 0; i < n * k / unit; i++)
        scales[i] = trit_check_scale();
    trit_check_pack(kernel, &(struct trit_check_matrix){ n, k, weights, scales }, got);
    trit_ref_pack(kernel->packing, n, k, weights, nr, want);
    trit_ref_pack_scales(kernel->packing, n, k, scales, nr, want);
    for (size_t i = 0; i < bytes; i++)
        if (got[i] != want[i])
            trit_check_fail("byte %zu of the packed weights is %d, want %d", i, got[i], want[i]);
}
