/* Can any bytes make the GGUF reader, its getters, the listing of values or the readers of
   matrices, with a scale for each group of columns or for each row, step outside them? */
#include <stddef.h>
#include <stdint.h>

#include "runtime/format/group.h"
#include "runtime/format/rows.h"
#include "runtime/format/ternary.h"
#include "runtime/program/internal.h"
#include "tests/lib_gguf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint64_t sink; /* what is read must not be optimised away */

static uint64_t walk_values(const struct trit_gguf *g)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < g->nkv; i++) {
        struct trit_inspect_walk walk = { g->kv[i].data, 0 };
        struct trit_inspect_item item;
        while (trit_inspect_next(&g->kv[i], &walk, &item))
            sum += item.bits;
        sum += (uint64_t)(walk.next - g->base);
    }
    return sum;
}

/* In all layouts of I2_S. */
static uint64_t walk_trits(struct trit_gguf *g, const struct trit_gguf_tensor *t, uint8_t *codes)
{
    uint64_t sum = 0;
    for (int layout = TRIT_I2S_128; layout <= TRIT_I2S_ROWS4; layout++) {
        float d = 0;
        const struct trit_ternary_rows last = { (size_t)t->ne[1] - 1, 1, codes, (size_t)t->ne[0],
                                                &d };
        g->i2s = (enum trit_i2s)layout;
        if (!trit_ternary_rows(g, t, &last, NULL)) {
            for (size_t i = 0; i < t->ne[0]; i++)
                if (codes[i] > 2)
                    __builtin_trap();
            sum += codes[0] + (d > 0);
        }
    }
    return sum;
}

/* The last row of a matrix, by all ways of reading it. */
static uint64_t walk_row(struct trit_gguf *g, const struct trit_gguf_tensor *t)
{
    enum { MOST = 4096 };
    static uint8_t codes[MOST];
    static uint16_t scales[MOST / 64];
    static float w[MOST];
    struct trit_form form = { 0 };
    struct trit_rows rows;
    uint64_t sum = 0;
    if (t->ne[0] > MOST || t->ne[1] == 0)
        return 0;
    const struct trit_group_rows last = {
        (size_t)t->ne[1] - 1, 1, 64, codes, MOST, scales, MOST / 64
    };
    if (!trit_group_form(g, t, NULL, &form, NULL) && !trit_group_rows(g, t, &last, NULL))
        sum += codes[0] + scales[0] + form.group;
    sum += walk_trits(g, t, codes);
    if (!trit_rows_open(&rows, g, t, NULL)) {
        trit_rows_get(&rows, rows.n - 1, w);
        sum += w[0] > 0;
        trit_rows_free(&rows);
    }
    return sum;
}

static uint64_t walk_rows(struct trit_gguf *g)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < g->ntensors; i++)
        sum += walk_row(g, &g->tensors[i]);
    return sum;
}

/* Bad input must also leave an error behind: one line, not empty. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct trit_gguf *g;
    struct trit_error error = { 0 };
    if (trit_gguf_parse(&g, data, size, "fuzz", &error) == TRIT_OK)
        sink = trit_gguf_walk(g) + walk_values(g) + walk_rows(g) + trit_inspect_trailing(g);
    else if (error.text[0] == 0)
        __builtin_trap();
    trit_gguf_close(g);
    return 0;
}
