/* Rows of floats rounded to a few whole numbers times a scale for each row: of matrices whose
   values need not be exact. */
#include "runtime/model/coarse.h"

#include <math.h>
#include <stdlib.h>

#include "runtime/base/mem.h"

/* Shares of a row's largest value that may be made the largest number: what exceeds them is cut
 * off. */
static const float shares[] = { 1.0f, 0.93f, 0.86f, 0.8f, 0.7f, 0.6f };

static float rounded(float x, float scale, float most)
{
    const float q = rintf(x * scale);
    return q > most ? most : q < -most ? -most : q;
}

static double error_of(const float *x, size_t k, float d, float most)
{
    double sum = 0;
    for (size_t i = 0; i < k; i++) {
        const double off = (double)((x[i] - rounded(x[i], 1 / d, most) * d) / d);
        sum += off * off * off * off;
    }
    return sum * (double)d * (double)d * (double)d * (double)d;
}

/* The scale, among those of the shares, with the least sum of errors to the fourth power, since
   what is cut off are the weights that matter most; 1 for a row of zeros. */
static float scale_of(const float *x, size_t k, float most)
{
    float largest = 0, best = 1;
    double least = INFINITY;
    for (size_t i = 0; i < k; i++)
        largest = fmaxf(largest, fabsf(x[i]));
    for (size_t i = 0; i < sizeof shares / sizeof *shares && largest > 0x1p-100f; i++) {
        const float d = largest * shares[i] / most;
        const double error = error_of(x, k, d, most);
        best = error < least ? d : best;
        least = error < least ? error : least;
    }
    return best;
}

enum trit_code trit_coarse_rows(const struct trit_rows *rows, const struct trit_coarse *to,
                                struct trit_error *error)
{
    const float most = (float)to->most;
    float *x = trit_alloc(rows->k, sizeof *x);
    if (!x)
        return trit_fail(error, TRIT_EMEMORY, "%s: no memory", rows->gguf->path);
    enum trit_code code = TRIT_OK;
    for (size_t r = 0; r < to->n && !code; r++) {
        uint8_t *codes = to->codes + r * rows->k;
        trit_rows_get(rows, to->first + r, x);
        for (size_t i = 0; i < rows->k && !code; i++)
            if (!(fabsf(x[i]) <= 0x1p100f))
                code = trit_rows_bad(rows, to->first + r, error);
        to->d[r] = scale_of(x, rows->k, most);
        for (size_t i = 0; i < rows->k && !code; i++)
            codes[i] = (uint8_t)((int)rounded(x[i], 1 / to->d[r], most) + 1);
    }
    free(x);
    return code;
}
