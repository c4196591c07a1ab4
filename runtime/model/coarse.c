/* Rows of floats rounded to -7 .. 7 times a scale for each row: of matrices whose values need not
   be exact. */
#include "runtime/model/coarse.h"

#include <math.h>
#include <stdlib.h>

#include "runtime/base/mem.h"

enum { MOST = 7 };

/* Shares of a row's largest value that may be made MOST: what exceeds them is cut off. */
static const float shares[] = { 1.0f, 0.85f, 0.7f, 0.6f, 0.5f, 0.4f };

static float rounded(float x, float scale)
{
    const float q = rintf(x * scale);
    return q > MOST ? MOST : q < -MOST ? -MOST : q;
}

static double error_of(const float *x, size_t k, float d)
{
    double sum = 0;
    for (size_t i = 0; i < k; i++) {
        const float off = x[i] - rounded(x[i], 1 / d) * d;
        sum += (double)(off * off);
    }
    return sum;
}

/* The scale, among those of the shares, with the least squared error; 1 for a row of zeros. */
static float scale_of(const float *x, size_t k)
{
    float most = 0, best = 1;
    double least = INFINITY;
    for (size_t i = 0; i < k; i++)
        most = fmaxf(most, fabsf(x[i]));
    for (size_t i = 0; i < sizeof shares / sizeof *shares && most > 0x1p-100f; i++) {
        const float d = most * shares[i] / MOST;
        const double error = error_of(x, k, d);
        best = error < least ? d : best;
        least = error < least ? error : least;
    }
    return best;
}

enum trit_code trit_coarse_rows(const struct trit_rows *rows, size_t first, size_t n,
                                uint8_t *codes, float *d, struct trit_error *error)
{
    float *x = trit_alloc(rows->k, sizeof *x);
    if (!x)
        return trit_fail(error, TRIT_EMEMORY, "%s: no memory", rows->gguf->path);
    enum trit_code code = TRIT_OK;
    for (size_t r = 0; r < n && !code; r++, codes += rows->k) {
        trit_rows_get(rows, first + r, x);
        for (size_t i = 0; i < rows->k && !code; i++)
            if (!(fabsf(x[i]) <= 0x1p100f))
                code = trit_rows_bad(rows, first + r, error);
        d[r] = scale_of(x, rows->k);
        for (size_t i = 0; i < rows->k && !code; i++)
            codes[i] = (uint8_t)((int)rounded(x[i], 1 / d[r]) + 1);
    }
    free(x);
    return code;
}
