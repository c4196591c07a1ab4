/* The kernels: their signatures by operation, the registry's row, the rules their callers keep.

   CONVENTIONS.md ("Numbers") defines each operation, runtime/kernel/ref.c computes it by hand, the
   generated kernels must give the same bits. For all of them: no pointer needs alignment, nothing
   is read or written outside the stated extents, k >= 1, m >= 1, n >= 1, inputs and outputs do not
   overlap unless stated. Leading dimensions (ld*) are in elements. */
#ifndef TRIT_KERNEL_H
#define TRIT_KERNEL_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/base/error.h"
#include "runtime/cpu/cpu.h"

enum {
    TRIT_MAX_K = 1 << 22,  /* 2 * 128 * K stays far below 2^31 */
    TRIT_ATTN_CHUNK = 256, /* positions per attention chunk, part of the number contract */
    TRIT_HEAD_GROUP = 16,  /* int8 rows: elements per scale */
    TRIT_MAX_TAPS = 16,    /* of conv */
    TRIT_MAX_KEY = 256,    /* rows of a delta's state */
};

/* gemv, gemm: y[i*ldy + j] = (float)(sum over x < k of a[i*lda + x] * w[j][x]) * (d[j] / s[i]), i <
   m, j < n. k is a multiple of KR (columns past the matrix's K hold trit 0); a has lda >= k. w:
   ceil(n/NR) blocks of NR packed rows, d: ceil(n/NR)*NR row scales, past n anything finite; s[i]
   and sum[i] as the quantiser gave them; only y[i*ldy + j] with j < n is written.

   On packings with a group G (runtime/kernel/pack.h): for each token K/G groups (k counts), each
   quantised by itself; r[i*(k/G) + g] = 1 / s of group g and sum alike, in the places of s and sum.
   y = +0; for g in order y = y + (float)(a * w over the group's columns) * (d * r), d the group's
   scale, which lies in w; the parameter d is not read. */
typedef void trit_mm_fn(size_t m, size_t n, size_t k, const uint8_t *w, const float *d,
                        const int8_t *a, size_t lda, const float *s, const int32_t *sum, float *y,
                        size_t ldy);
typedef trit_mm_fn trit_gemv_fn, trit_gemm_fn;

/* rows, on r5: y[list[i]] as gemv has it, i < count; w and d are the whole matrix's. Other elements
   of y are left alone. */
typedef void trit_rows_fn(size_t count, const uint32_t *list, size_t k, const uint8_t *w,
                          const float *d, const int8_t *a, float s, int32_t sum, float *y);

/* cols, on c5: acc[j] += sum over i < count of a[i] * (w[j][list[i]] + 1), j < n. n is a multiple
   of NR, w its blocks of k columns each (padding counted), list ascends. */
typedef void trit_cols_fn(size_t n, size_t k, size_t count, const uint32_t *list, const int8_t *a,
                          const uint8_t *w, int32_t *acc);

/* quant, quant4: x[k] -> a[kp] (kp >= k, zeros from k on), *s, *sum; by the largest |x| to -128 ..
   127, by their mean to -8 .. 7. */
typedef void trit_inputs_fn(size_t k, size_t kp, const float *x, int8_t *a, float *s, int32_t *sum);
typedef trit_inputs_fn trit_quant_fn, trit_quant4_fn;

/* norm: y[k] from x[k] and weights w[k]; y may be x. */
typedef void trit_norm_fn(size_t k, const float *x, const float *w, float eps, float *y);

/* relu2: f[k] = relu(g)^2 * u; silu: f[k] = g / (1 + exp(-g)) * u; sigmoid: f[k] = u / (1 +
   exp(-g)); gelu: f[k] = g / (1 + exp(-z)) * u, z = g * (1.59576917 + 0.0713548139 g^2). f may be g
   or u. */
typedef void trit_gated_fn(size_t k, const float *g, const float *u, float *f);
typedef trit_gated_fn trit_relu2_fn, trit_silu_fn, trit_sigmoid_fn, trit_gelu_fn;

/* rotate: y[k] is x[k], each block of it (a power of two that divides k): times before, a
   Walsh-Hadamard transform, times 1 / sqrt(block), times after. before, after: k signs, 1 or -1;
   NULL: none. y may be x. */
typedef void trit_rotate_fn(size_t k, size_t block, const float *before, const float *after,
                            const float *x, float *y);

/* conv of m tokens with SiLU: y[t*ldy + c] = SiLU of the sum over j < taps in order of w[j*ldw + c]
   * (input t - taps + 1 + j of channel c), c < n, 1 <= taps <= TRIT_MAX_TAPS. Inputs from 0 on are
   x[t*ldx + c]; those before are the taps - 1 rows of state (leading dimension ldw), the oldest
   first. next gets the state after the last token: it may be state; NULL where it is not wanted. */
typedef void trit_conv_fn(size_t m, size_t n, size_t taps, const float *x, size_t ldx,
                          const float *w, const float *state, float *next, size_t ldw, float *y,
                          size_t ldy);

/* l2: y[k] = x[k] / sqrt(R16(x^2) + 1e-6) * scale; y may be x. */
typedef void trit_l2_fn(size_t k, const float *x, float scale, float *y);

/* gnorm: y[k] = norm of x[k] with weights w[k], times SiLU of z[k]; y may be x or z. */
typedef void trit_gnorm_fn(size_t k, const float *x, const float *w, float eps, const float *z,
                           float *y);

/* delta: the gated delta rule of one head for m tokens, token by token, from state s: roundup(dv,
   16) / 16 blocks of [dk][16 columns], dk <= TRIT_MAX_KEY; columns from dv on are read and written,
   what they hold is free. Token t has q and k of dk elements at t*ldk, v of dv at t*ldv, the
   factors decay[t*ldg] and beta[t*ldg]; its o of dv goes to t*ldo. next gets the state after the
   last token: it may be s; NULL where it is not wanted. */
typedef void trit_delta_fn(size_t m, size_t dk, size_t dv, const float *q, const float *k,
                           size_t ldk, const float *v, size_t ldv, const float *decay,
                           const float *beta, size_t ldg, const float *s, float *next, float *o,
                           size_t ldo);

/* softmax pieces of m rows, s[i*lds + .] -> p in place: row i has min(n + i / group, np) positions
   (1 <= n <= np), zeros from there to np; max[i] = m, sum[i] = l. */
typedef void trit_softmax_fn(size_t m, size_t group, size_t n, size_t np, float scale, float *s,
                             size_t lds, float *max, float *sum);

/* merge of m rows: (max, sum, o)[i] = (M, L, O) of the chunks so far, and after it with the chunk
   part_* too; rows of o and part have hd elements. */
typedef void trit_merge_fn(size_t m, size_t hd, float *max, float *sum, float *o, size_t ldo,
                           const float *part_max, const float *part_sum, const float *part,
                           size_t ldp);

/* half: y[k] = x[k] as the KV cache holds it in f16. */
typedef void trit_half_fn(size_t k, const float *x, uint16_t *y);

/* split: x = x * scale, k of each; (a, s, sum)[0] = quant of x; x = x - a[0] * (1 / s[0]);
   (a, s, sum)[1] = quant of that. a[.] has kp >= k elements, zeros from k on. x ends as
   x - a[1] * (1 / s[1]). */
typedef void trit_split_fn(size_t k, size_t kp, float *x, const float *scale, int8_t *const a[2],
                           float *const s[2], int32_t *const sum[2]);

/* qk: s[i*lds + t] = sum over d in order of q[i*ldq + d] * k[t][d] for i < m and t < roundup(nt,
   16), all of which are written (lds >= that). k holds roundup(nt, 16) / 16 blocks of [hd][16
   positions] f16. */
typedef void trit_qk_fn(size_t m, size_t hd, size_t nt, const float *q, size_t ldq,
                        const uint16_t *k, float *s, size_t lds);

/* pv: o[i*ldo + d] = sum over t < nt in order of p[i*ldp + t] * v[t*ldv + d], i < m, d < hd. v is
 * f16. */
typedef void trit_pv_fn(size_t m, size_t hd, size_t nt, const float *p, size_t ldp,
                        const uint16_t *v, size_t ldv, float *o, size_t ldo);

/* head: y[i*ldy + j] = R16(row j of w as binary32 * x[i*ldx + .]), i < m, j < n. Rows are n * k
   elements of the kernel's packing (f16, bf16, f32, i8), row-major, dense; scale: i8 only, n *
   ceil(k/16) values. */
typedef void trit_head_fn(size_t m, size_t n, size_t k, const void *w, const float *scale,
                          const float *x, size_t ldx, float *y, size_t ldy);

/* read: the exclusive or of all 64-bit words; bytes is a multiple of 1024. Measures read bandwidth.
 */
typedef uint64_t trit_read_fn(size_t bytes, const void *p);

/* peak: NR vectors' worth of independent int8 dot products, k rounds of each, no memory in the
   loop. Returns the number of multiply-adds done; *sink gets the wrapped sum of the accumulators.
 */
typedef uint64_t trit_peak_fn(size_t k, uint32_t seed, int32_t *sink);

/* The operations, one row each: its name, for which there is a type trit_NAME_fn, and what holds
   its kernels to their definition: try_PROOF of runtime/kernel/try.c, trit_check_PROOF of
   autotune/check. */
/* clang-format off */
#define TRIT_OPS(ROW) \
    ROW(gemv, mm) \
    ROW(gemm, mm) \
    ROW(quant, quant) \
    ROW(norm, norm) \
    ROW(relu2, gated) \
    ROW(softmax, softmax) \
    ROW(qk, qk) \
    ROW(pv, pv) \
    ROW(head, head) \
    ROW(read, read) \
    ROW(peak, peak) \
    ROW(rows, skip) \
    ROW(cols, skip) \
    ROW(merge, merge) \
    ROW(half, half) \
    ROW(split, split) \
    ROW(silu, gated) \
    ROW(sigmoid, gated) \
    ROW(rotate, rotate) \
    ROW(conv, conv) \
    ROW(l2, l2) \
    ROW(gnorm, gnorm) \
    ROW(delta, delta) \
    ROW(gelu, gated) \
    ROW(quant4, quant)
/* clang-format on */

#define TRIT_OP_ROW(name, proof) TRIT_OP_##name,
enum trit_op { TRIT_OPS(TRIT_OP_ROW) TRIT_NOP };
#undef TRIT_OP_ROW

/* The member named after the operation is the one that is set, and with it those of its type. */
#define TRIT_OP_ROW(name, proof) trit_##name##_fn *name;
union trit_fn {
    TRIT_OPS(TRIT_OP_ROW)
};
#undef TRIT_OP_ROW

struct trit_kernel {
    const char
        *name; /* trit_<op>_<packing>_<act>_<MR>x<NR>x<KR>[_k<K>][_n<N>]__<isa>[_<technique>] */
    enum trit_op op;
    const char *packing, *act;
    int mr, nr, kr;
    size_t k, n; /* the only K and N it accepts; 0: any */
    enum trit_isa isa;
    float cost; /* estimate, before any measurement: orders kernels of one operation; of gemv
                   and gemm: cycles per 1024 multiply-adds */
    const char *source; /* the template */
    uint64_t hash;      /* of the generated text */
    union trit_fn fn;
};

/* All kernels: those that were built in, then those of libraries (runtime/library.h). */
size_t trit_kernel_count(void);
const struct trit_kernel *trit_kernel_at(size_t i); /* NULL from count on */

/* Adds n rows, which must stay where they are. Any number of threads may add and read at once: what
   was counted stays where it is. A row whose name is there already replaces it in
   trit_kernel_find. TRIT_EMEMORY only. */
enum trit_code trit_kernels_add(const struct trit_kernel *rows, size_t n, struct trit_error *error);

extern const char trit_kernel_set[]; /* hash over the built-in rows, 16 hex digits */

const char *trit_op_name(enum trit_op op);
/* TRIT_NOP where there is none of that name. */
enum trit_op trit_op_find(const char *name);
/* By full name, the last that was added first; NULL where there is none. */
const struct trit_kernel *trit_kernel_find(const char *name);

#endif
