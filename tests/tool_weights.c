/* weights FILE: every matrix as one with a scale for each group of columns, as the runtime reads
   it: a line NAME N K GROUP VALUES, then N * K float32. Groups of 64, and what an embedding is read
   by, must give the same weights. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/half.h"
#include "runtime/format/group.h"
#include "runtime/format/rows.h"

static const char *const values[] = {
    [TRIT_TRITS] = "trits", [TRIT_TWOS] = "twos", [TRIT_SIGNS] = "signs"
};

/* Row `row` in groups of that size. */
static enum trit_code get_row(const struct trit_gguf *g, const struct trit_gguf_tensor *t,
                              size_t row, size_t group, float *out)
{
    const size_t k = (size_t)t->ne[0];
    uint8_t *codes = malloc(k);
    uint16_t *scales = malloc(k / group * sizeof *scales);
    struct trit_error e = { .text = "no memory" };
    const struct trit_group_rows rows = { row, 1, group, codes, k, scales, k / group };
    enum trit_code code = codes && scales ? trit_group_rows(g, t, &rows, &e) : TRIT_EMEMORY;
    for (size_t i = 0; i < k && !code; i++)
        out[i] = (float)(codes[i] - 1) * trit_f16_f32(scales[i / group]);
    if (code)
        fprintf(stderr, "%s\n", e.text);
    free(codes);
    free(scales);
    return code;
}

static bool same(const float *a, const float *b, size_t n)
{
    size_t i = 0;
    while (i < n && a[i] == b[i])
        i++;
    return i == n;
}

static int write_matrix(const struct trit_gguf *g, const struct trit_gguf_tensor *t,
                        struct trit_pool *pool)
{
    const size_t n = (size_t)t->ne[1], k = (size_t)t->ne[0];
    float *w = malloc(2 * k * sizeof *w), *other = w + k;
    struct trit_rows rows;
    struct trit_form form;
    struct trit_error e = { .text = "no memory" };
    bool good = w && !trit_group_form(g, t, pool, &form, &e) && !trit_rows_open(&rows, g, t, &e);
    if (!good)
        fprintf(stderr, "%s\n", e.text);
    else
        printf("%.*s %zu %zu %zu %s\n", (int)t->name.n, t->name.s, n, k, form.group,
               values[form.values]);
    for (size_t r = 0; good && r < n; r++) {
        good =
            !get_row(g, t, r, form.group, w) && !get_row(g, t, r, 64, other) && same(w, other, k);
        trit_rows_get(&rows, r, other);
        if (!good || !same(w, other, k)) {
            fprintf(stderr, "%.*s: row %zu has two meanings\n", (int)t->name.n, t->name.s, r);
            good = false;
        }
        fwrite(w, sizeof *w, k, stdout);
    }
    free(w);
    return !good;
}

int main(int argc, char **argv)
{
    struct trit_gguf *g;
    struct trit_pool *pool;
    struct trit_error e = { 0 };
    if (argc != 2 || trit_gguf_open(&g, argv[1], &e) || trit_pool_create(&pool, 2, &e)) {
        fprintf(stderr, "weights FILE: %s\n", e.text);
        return 2;
    }
    int bad = 0;
    for (size_t i = 0; i < g->ntensors && !bad; i++)
        if (g->tensors[i].ndims == 2)
            bad = write_matrix(g, &g->tensors[i], pool);
    trit_pool_destroy(pool);
    trit_gguf_close(g);
    return bad;
}
