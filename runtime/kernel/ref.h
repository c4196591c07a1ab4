/* The definitions of CONVENTIONS.md ("Numbers"), computed by hand. Slow, never generated, never
   tuned. Contracts as in runtime/kernel.h; what differs is said here. */
#ifndef TRIT_REF_H
#define TRIT_REF_H

#include "runtime/kernel.h"

float trit_ref_r16(const float *t, size_t n);
float trit_ref_exp(float x);

/* A product whose weights have a scale for each group of columns: w n x k, d n x k / group, m
   tokens a with leading dimension lda, r m x k / group. */
struct trit_ref_groups {
    size_t m, n, k, group, lda;
    const int8_t *w, *a;
    const float *d, *r;
};

/* w: n x k weights (trits, or those of another packing), row-major with leading dimension k; d has
 * n entries. */
void trit_ref_mm(size_t m, size_t n, size_t k, const int8_t *w, const float *d, const int8_t *a,
                 size_t lda, const float *s, float *y, size_t ldy);
void trit_ref_mm_groups(const struct trit_ref_groups *x, float *y, size_t ldy);
trit_inputs_fn trit_ref_quant, trit_ref_quant4;
trit_inputs_fn *trit_ref_inputs(enum trit_op op); /* of the two */
trit_norm_fn trit_ref_norm;
trit_gated_fn trit_ref_relu2, trit_ref_silu, trit_ref_sigmoid, trit_ref_gelu;
trit_gated_fn *trit_ref_gated(enum trit_op op); /* of them */
trit_rotate_fn trit_ref_rotate;
trit_conv_fn trit_ref_conv;
trit_l2_fn trit_ref_l2;
trit_gnorm_fn trit_ref_gnorm;
trit_delta_fn trit_ref_delta;
trit_softmax_fn trit_ref_softmax;
trit_merge_fn trit_ref_merge;
trit_half_fn trit_ref_half;
trit_split_fn trit_ref_split;
trit_qk_fn trit_ref_qk;
trit_pv_fn trit_ref_pv;
/* One per stored type of the rows. */
trit_head_fn trit_ref_head_f16, trit_ref_head_bf16, trit_ref_head_f32, trit_ref_head_i8;
trit_read_fn trit_ref_read;

/* The layouts of runtime/kernel/pack.h, written from their description: n x k weights row-major <->
   packed of trit_packed_bytes; padding is weight 0. False where there is no packing of that name.
   Weights must be in its range (asserted). */
bool trit_ref_pack(const char *packing, size_t n, size_t k, const int8_t *w, size_t nr,
                   uint8_t *packed);
/* What it leaves 0: a packing's f16 scales, n x k / group. False where it has no group. */
bool trit_ref_pack_scales(const char *packing, size_t n, size_t k, const uint16_t *scales,
                          size_t nr, uint8_t *packed);
bool trit_ref_unpack(const char *packing, size_t n, size_t k, const uint8_t *packed, size_t nr,
                     int8_t *w);

#endif
