/* What r5 and c5 ask for beside, whose rows and columns are skipped: in the compilers' generic
 * vectors. */

/* r5: activations of a vector's columns, and the sums across four vectors. */
static inline vx vx_row(const int8_t *p)
{
    bytes16 v;
    memcpy(&v, p, sizeof v);
    return __builtin_convertvector(v, vx);
}
static inline void vi_sums(int32_t *to, vi a, vi b, vi c, vi d)
{
    const vi all = { vi_sum(a), vi_sum(b), vi_sum(c), vi_sum(d) };
    memcpy(to, &all, sizeof all);
}
/* Codes on their own: a byte each. */
static inline vc vc_get(const uint8_t *p) { return __builtin_convertvector(vb_load(p), vc); }
static inline void vc_put(uint8_t *p, vc codes)
{
    const vb bytes = __builtin_convertvector(codes, vb);
    memcpy(p, &bytes, sizeof bytes);
}
/* Those of four rows, four columns of each side by side, at every `step` bytes. */
static inline void vc_turn(uint8_t *to, size_t step, vc a, vc b, vc c, vc d)
{
    uint8_t rows[4][16];
    vc_put(rows[0], a), vc_put(rows[1], b), vc_put(rows[2], c), vc_put(rows[3], d);
    for (size_t i = 0; i < 4; i++)
        for (size_t row = 0; row < 4; row++)
            memcpy(to + i * step + 4 * row, rows[row] + 4 * i, 4);
}
/* c5: four columns' bytes side by side: vector j gets their bytes 4j .. 4j+3. */
static inline void vb_mix(vb *to, vb a, vb b, vb c, vb d)
{
    const vb low = __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7,
                                           23),
             high = __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14,
                                            30, 15, 31),
             low2 = __builtin_shufflevector(c, d, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22,
                                            7, 23),
             high2 = __builtin_shufflevector(c, d, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14,
                                             30, 15, 31);
    to[0] =
        __builtin_shufflevector(low, low2, 0, 1, 16, 17, 2, 3, 18, 19, 4, 5, 20, 21, 6, 7, 22, 23);
    to[1] = __builtin_shufflevector(low, low2, 8, 9, 24, 25, 10, 11, 26, 27, 12, 13, 28, 29, 14, 15,
                                    30, 31);
    to[2] = __builtin_shufflevector(high, high2, 0, 1, 16, 17, 2, 3, 18, 19, 4, 5, 20, 21, 6, 7, 22,
                                    23);
    to[3] = __builtin_shufflevector(high, high2, 8, 9, 24, 25, 10, 11, 26, 27, 12, 13, 28, 29, 14,
                                    15, 30, 31);
}
