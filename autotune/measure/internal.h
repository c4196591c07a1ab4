/* What the files of measure share: a matrix that is measured, and how `tritmill cpu` shows limits.
 */
#ifndef TRIT_MEASURE_INTERNAL_H
#define TRIT_MEASURE_INTERNAL_H

#include "autotune/measure/measure.h"
#include "runtime/cli/cli.h"
#include "runtime/cli/json.h"
#include "runtime/kernel/pack.h"

enum { TRIT_MEASURE_MAX_NR = 1024 };

/* The matrix packed for kernels of one (packing, NR), as often as it takes to be cold, and what
   goes with the activations. */
struct trit_weights {
    struct trit_weights *next;
    const struct trit_packing *packing;
    size_t nr, block, stride, copies; /* stride: bytes from one copy to the next */
    size_t turn;                      /* the copy that is read next */
    uint8_t *copy;
    size_t tokens; /* that there is room for in what follows, [tokens][trit_measure_groups] */
    float *s;
    int32_t *sum;
};

struct trit_measure {
    struct trit_pool *pool;
    size_t n, k, lda;
    size_t rotate;  /* bytes; 0: twice the caches and more */
    size_t share;   /* bytes that each of the weights made next may rotate over at most */
    unsigned limit; /* seconds for the verification of one kernel */
    struct trit_weights *weights;
    float *d;      /* n + TRIT_MEASURE_MAX_NR row scales */
    size_t tokens; /* that there is room for in a */
    int8_t *a;     /* [tokens][lda] */
    float *y;
    size_t outputs; /* floats in y */
};

/* How many copies of a packed matrix of that many bytes rotate. */
size_t trit_measure_copies(const struct trit_measure *measure, size_t bytes);

/* Half of the memory that there is, in equal shares for the weights that the candidates need and
   that were not made. TRIT_EMEMORY where trit_measure_need is more than there is all the same. */
enum trit_code trit_measure_check_room(struct trit_measure *measure,
                                       const struct trit_trial *candidates, size_t n,
                                       struct trit_error *error);

/* Scales and sums that a token has for kernels of the packing, padding counted. */
size_t trit_measure_groups(const struct trit_measure *measure, const struct trit_packing *packing);

/* Columns 0 .. k-1 of a row of the matrix as codes of the packing: always the same. */
void trit_measure_codes(const struct trit_measure *measure, const struct trit_packing *packing,
                        size_t row, uint8_t *codes);
/* The f16 scales of a row's groups, k / group; nothing where the packing has none. */
void trit_measure_scales(const struct trit_measure *measure, const struct trit_packing *packing,
                         size_t row, uint16_t *scales);
/* Token i's activations, zeros after column k. */
void trit_measure_activations(const struct trit_measure *measure, size_t token, int8_t *a);
/* The scales, of groups their reciprocals, and the sums that belong to them. */
void trit_measure_stats(const struct trit_measure *measure, const struct trit_packing *packing,
                        size_t token, const int8_t *a, float *s, int32_t *sum);

/* Private to `tritmill cpu`: the measured limits as text and as JSON. */

/* Surveys the limits with each thread count, with progress on stderr, and prints tables. */
enum trit_code trit_cpu_print_limits(const struct trit_ints *threads, struct trit_error *error);

/* The same as the member "limits" of root. */
enum trit_code trit_cpu_add_limits(json_t *root, const struct trit_ints *threads,
                                   struct trit_error *error);

#endif
