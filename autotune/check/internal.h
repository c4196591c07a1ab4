/* What the parts of `check` share: the case under way, guarded buffers, random data, one check per
   operation, kernels that are compiled to be checked. */
#ifndef TRIT_CHECK_INTERNAL_H
#define TRIT_CHECK_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "autotune/check/check.h"
#include "runtime/kernel.h"
#include "runtime/kernel/pack.h"

/* The case under way (check_case.c) */

/* Every kind of case, of fewer sizes: for emulated CPUs. */
extern bool trit_check_quick;

/* Begins a case; the text is what a failure is reported with. */
void trit_check_case(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Ends the kernel's check. */
_Noreturn void trit_check_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Around the call of the kernel: a signal between them is its fault, elsewhere the check's. */
void trit_check_enter(void);
void trit_check_leave(void);

/* Buffers (check_guard.c) */

/* END: the last byte lies before an unmapped page; START: the first lies after one; ODD: one
   element after it, so that no vector is aligned. */
enum trit_check_edge { TRIT_CHECK_END, TRIT_CHECK_START, TRIT_CHECK_ODD, TRIT_CHECK_NEDGES };
extern const char *const trit_check_edge_names[];

/* Takes all buffers of the case before back; those that follow lie at this edge. */
void trit_check_place(enum trit_check_edge edge);
/* A copy of count elements that can be read but not written. */
const void *trit_check_in(const void *data, size_t count, size_t element);
/* Bytes of canary, with canaries around where there is room. */
void *trit_check_out(size_t count, size_t element);
/* Out buffer that begins as a copy of data. */
void *trit_check_inout(const void *data, size_t count, size_t element);
enum { TRIT_CHECK_CANARY = 0x99 };
/* Fails where a canary around an out buffer is gone. */
void trit_check_canaries(void);

/* Compares rows x n values with leading dimension ld, the gaps between rows included, bit by bit;
   where both hold a NaN, its bits are free. Then the canaries. */
void trit_check_floats(const char *name, const float *got, const float *want, size_t rows, size_t n,
                       size_t ld);
void trit_check_bytes(const char *name, const int8_t *got, const int8_t *want, size_t n);

/* Data (check_data.c) */

/* Plain memory full of canaries, for data and for what is wanted; taken back all at once. */
void *trit_check_scratch(size_t count, size_t element);
/* The same, for what is written before it is read. */
void *trit_check_unset(size_t count, size_t element);
void trit_check_scratch_reset(void);

void trit_check_seed(uint64_t seed);
uint64_t trit_check_random(void);
/* In [low, high]; fewer than 2^32 values. */
size_t trit_check_between(size_t low, size_t high);
/* n bytes of low, low + step, ..., each of as many values as likely; at most 256. */
struct trit_check_range {
    int low, step;
    unsigned values;
};
extern const struct trit_check_range trit_check_any;
void trit_check_codes(int8_t *to, size_t n, struct trit_check_range range);
size_t trit_check_min(size_t a, size_t b);

/* Kinds of values. Those from NONFINITE on are not for every operation. */
enum trit_check_kind {
    TRIT_CHECK_NORMAL,   /* about 1 */
    TRIT_CHECK_DENORMAL, /* and smallest normals */
    TRIT_CHECK_HUGE,     /* squares overflow */
    TRIT_CHECK_TINY,     /* squares vanish */
    TRIT_CHECK_ZERO,     /* +0 and -0 */
    TRIT_CHECK_TIES,     /* multiples of 1/2 up to 127 */
    TRIT_CHECK_MIXED,    /* all of these */
    TRIT_CHECK_NONFINITE,
    TRIT_CHECK_NKINDS
};
extern const char *const trit_check_kind_names[];
float trit_check_float(enum trit_check_kind kind);
float *trit_check_array(size_t n, enum trit_check_kind kind); /* scratch */
uint16_t *trit_check_f16(size_t n);                           /* scratch; finite */

/* Sizes that models have, after 1..70, ending with 0. */
extern const size_t trit_check_sizes[];

/* Weights of a packing, n x k, and the f16 scales of its groups, n x k / group (NULL: none). */
struct trit_check_matrix {
    size_t n, k;
    const int8_t *weights;
    const uint16_t *scales;
};
/* Packs them as the runtime does (scratch memory beside). */
void trit_check_pack(const struct trit_kernel *kernel, const struct trit_check_matrix *matrix,
                     uint8_t *packed);
struct trit_check_range trit_check_weights(const struct trit_packing *packing); /* that it holds */
uint16_t trit_check_scale(void); /* f16, among them the ends */
/* A case of its own: whether the kernel's packing is one of ours, and packing with its NR gives the
   reference's bytes. Takes scratch memory back. */
void trit_check_packing(const struct trit_kernel *kernel);

/* The operations: one check for each proof that the list of operations (runtime/kernel.h) names. */
#define TRIT_CHECK_ROW(name, proof) trit_check_fn trit_check_##proof;
TRIT_OPS(TRIT_CHECK_ROW)
#undef TRIT_CHECK_ROW

/* Times the kernels, and prints a line for each (check_bench.c). */
void trit_check_bench(const struct trit_kernel *const *kernels, size_t n);

/* Private to `tritmill check`: kernels that are compiled to be checked, those of a user's templates
   or the program's own by other compilers. */

enum { TRIT_CHECK_NAME = 192, TRIT_CHECK_PATTERNS = 32 };

struct trit_check_make {
    const char *templates;       /* the user's folder: what it adds or changes; NULL: all kernels */
    const char *cc;              /* compilers, "gcc,clang"; NULL: all that are found */
    const char *const *patterns; /* on names, with or without the compiler at their end */
    int npatterns;               /* 0: everything */
};

struct trit_check_made {
    char (*name)[TRIT_CHECK_NAME]; /* what was asked for; it need not have come into being */
    size_t n, room;
    char failure[1024]; /* the first that does not compile, or was refused when loaded, and why */
};

/* Generates, compiles, loads. Nothing to make is an error. To be freed with trit_check_unmake,
   whatever is returned. */
enum trit_code trit_check_make(const struct trit_check_make *what, struct trit_check_made *made,
                               struct trit_error *error);
void trit_check_unmake(struct trit_check_made *made);

/* The kernel of made->name[i]; NULL where there is none: *why then tells what may not run here, or
   is NULL where something is wrong. */
const struct trit_kernel *trit_check_made_kernel(const struct trit_check_made *made, size_t i,
                                                 const char **why);

#endif
