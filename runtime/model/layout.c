/* Whether I2_S weights stand as they are read. Files do not tell; trained weights do: which inputs
   a norm makes large, and how many of the weights that meet each input are not zero, go together,
   column by column, and in another layout the columns are mixed. Random weights show nothing. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/format/rows.h"
#include "runtime/format/ternary.h"
#include "runtime/model/internal.h"

enum {
    LAYERS = 4,
    WEIGHTS = 1 << 18,
    LAYOUTS = 3
}; /* that are looked at, and weights of a matrix */

/* What speaks for each layout: sums of squared correlations times columns, for random weights about
   1 of each matrix. */
struct evidence {
    double of[LAYOUTS];
    size_t matrices;
};

/* The weights of the norm whose outputs the matrix takes: one of its own, else its half's; NULL:
   there are none. */
static const struct trit_gguf_tensor *norm_before(const struct trit_gguf *g,
                                                  const struct trit_layer_kind *kind, size_t layer,
                                                  const struct trit_layer_tensor *matrix)
{
    static const int halves[TRIT_NROLES] = {
        [TRIT_O] = TRIT_ATTN_SUB_NORM,     [TRIT_GATE_UP] = TRIT_FFN_NORM,
        [TRIT_DOWN] = TRIT_FFN_SUB_NORM,   [TRIT_UP] = TRIT_FFN_NORM,
        [TRIT_GATE_ALONE] = TRIT_FFN_NORM,
    }; /* the others: TRIT_ATTN_NORM, 0 */
    const struct trit_gguf_tensor *half = NULL;
    char name[TRIT_TENSOR_NAME], own[TRIT_TENSOR_NAME];
    snprintf(own, sizeof own, "%s_norm_in", matrix->name);
    for (size_t i = 0; i < kind->ntensors; i++) {
        const struct trit_layer_tensor *t = &kind->tensors[i];
        const bool alone = !strcmp(t->name, own);
        if (t->n != TRIT_ONE || !(alone || t->slot == halves[matrix->slot]))
            continue;
        trit_tensor_name(t, layer, name);
        const struct trit_gguf_tensor *found = trit_gguf_tensor(g, name);
        if (alone && found)
            return found;
        half = found ? found : half;
    }
    return half;
}

/* Its values; false where it does not fit. */
static bool read_norm(const struct trit_gguf *g, const struct trit_gguf_tensor *t, size_t k,
                      float *out)
{
    struct trit_rows row;
    if (!t || t->ne[0] != k || t->ne[1] != 1 || trit_rows_open(&row, g, t, NULL))
        return false;
    trit_rows_get(&row, 0, out);
    return true;
}

/* Weights of each column that are not zero, in the first rows; false where they cannot be read. */
static bool count(const struct trit_gguf *g, const struct trit_gguf_tensor *t, size_t rows,
                  uint8_t *codes, float *counts)
{
    const size_t k = (size_t)t->ne[0];
    float d;
    for (size_t i = 0; i < k; i++)
        counts[i] = 0;
    for (size_t r = 0; r < rows; r++) {
        if (trit_ternary_rows(g, t, &(struct trit_ternary_rows){ r, 1, codes, k, &d }, NULL))
            return false;
        for (size_t i = 0; i < k; i++)
            counts[i] += (float)(codes[i] != 1);
    }
    return true;
}

/* The squared correlation of a and b; 0 where one of them is constant. */
static double correlation(const float *a, const float *b, size_t k)
{
    double sa = 0, sb = 0, aa = 0, bb = 0, ab = 0;
    for (size_t i = 0; i < k; i++) {
        sa += (double)a[i];
        sb += (double)b[i];
    }
    for (size_t i = 0; i < k; i++) {
        const double x = (double)a[i] - sa / (double)k, y = (double)b[i] - sb / (double)k;
        aa += x * x;
        bb += y * y;
        ab += x * y;
    }
    const double both = aa * bb;
    return both > 0 && isfinite(both) ? ab * ab / both : 0;
}

/* Of one matrix. */
static void hear(const struct trit_gguf *g, const struct trit_gguf_tensor *t, const float *norm,
                 struct evidence *e)
{
    const size_t k = (size_t)t->ne[0], most = WEIGHTS / k + 1;
    const size_t rows = t->ne[1] < most ? (size_t)t->ne[1] : most;
    uint8_t *codes = trit_alloc(k, 1);
    float *counts = trit_alloc(k, sizeof *counts);
    double of[LAYOUTS] = { 0 };
    bool good = codes && counts;
    for (size_t i = 0; i < LAYOUTS && good; i++) {
        struct trit_gguf other = *g;
        other.i2s = (enum trit_i2s)i;
        good = count(&other, t, rows, codes, counts);
        of[i] = good ? (double)k * correlation(counts, norm, k) : 0;
    }
    for (size_t i = 0; i < LAYOUTS && good; i++)
        e->of[i] += of[i];
    e->matrices += good;
    free(codes);
    free(counts);
}

static void hear_layer(const struct trit_config *c, const struct trit_gguf *g, size_t layer,
                       struct evidence *e)
{
    const struct trit_layer_kind *kind = trit_config_kind(c, layer);
    char name[TRIT_TENSOR_NAME];
    for (size_t i = 0; i < kind->ntensors; i++) {
        const struct trit_layer_tensor *part = &kind->tensors[i];
        if (!trit_config_packs(c, part))
            continue;
        trit_tensor_name(part, layer, name);
        const struct trit_gguf_tensor *t = trit_gguf_tensor(g, name);
        if (!t || t->type != TRIT_I2_S)
            continue;
        float *norm = trit_alloc((size_t)t->ne[0], sizeof *norm);
        if (norm && read_norm(g, norm_before(g, kind, layer, part), (size_t)t->ne[0], norm))
            hear(g, t, norm, e);
        free(norm);
    }
}

bool trit_model_doubts_layout(const struct trit_config *config, const struct trit_gguf *gguf,
                              enum trit_i2s *better)
{
    struct evidence e = { .matrices = 0 };
    size_t best = 0;
    for (size_t i = 0; i < config->layers && i < LAYERS; i++)
        hear_layer(config, gguf, i, &e);
    for (size_t i = 1; i < LAYOUTS; i++)
        best = e.of[i] > e.of[best] ? i : best;
    *better = (enum trit_i2s)best;
    return e.of[best] > 4 * (double)e.matrices + 40 && e.of[best] > 3 * e.of[gguf->i2s];
}
