/* Which kernel an operation gets: the forced one, else the profile's, else the best by estimate,
   and why. */
#ifndef TRIT_PICK_H
#define TRIT_PICK_H

#include <stdbool.h>

#include "runtime/base/error.h"
#include "runtime/kernel.h"
#include "runtime/kernel/pack.h"

struct trit_profile; /* runtime/plan/profile.h */

/* The kernels of one matrix, bound by the packing law: they read the same packed weights.
 */
struct trit_pair {
    const struct trit_kernel *decode, *prefill;
    size_t mc, nc;    /* tokens and rows that one call of the prefill kernel gets; 0: as many as
                         there are, and a share of the rows for each thread */
    size_t decode_nc; /* rows for the decode kernel; likewise */
    char why[192];
};

/* What kernels are picked for: an n x k matrix of that form, run by that many threads. k is a
   multiple of the form's group. */
struct trit_product {
    size_t n, k;
    struct trit_form form;
    int threads;
};

/* Among the kernels whose packing takes the form, whose ISA is usable here and that pass their
   one-tile check. TRITMILL_KERNEL (a name, or a pattern with * and ?) forces:
   kernels that do not match it are left out of the operations for which something matches, and the
   profile is not asked. Where rows have one scale, packings that hold more than trits are only
   picked where nothing else matches it. Neither that nor the profile has a say in matrices that
   were rounded (TRIT_NIBBLES, TRIT_BYTES). Where the profile (NULL: none) has one row of the two,
   the other kernel is the best by estimate that shares its weights. TRIT_EARGUMENT where
   TRITMILL_KERNEL matches no kernel that can run here. */
enum trit_code trit_pick_pair(const struct trit_product *product, struct trit_profile *profile,
                              struct trit_pair *pair, struct trit_error *error);

/* For an n x k matrix whose rows or columns (op) are skipped in decode: *skip does, pair multiplies
   with all of it; all three share its weights. TRITMILL_KERNEL has no say. */
enum trit_code trit_pick_skip(enum trit_op op, size_t n, size_t k, const struct trit_kernel **skip,
                              struct trit_pair *pair, struct trit_error *error);

/* The packing law: whether two kernels read the same packed weights. */
bool trit_share_weights(const struct trit_kernel *a, const struct trit_kernel *b);

/* What a kernel is wanted for: the candidates are those of the operation and packing whose ISA is
   usable here, that take the matrix's shape, or any shape, and fit. */
struct trit_wish {
    enum trit_op op;
    const char *packing; /* NULL: any */
    size_t n, k;         /* of the matrix, whose K the packing must hold; 0: it is not for one */
    const char *force;   /* a pattern of names that they match; NULL: any name */
    bool (*fits)(const void *arg, const struct trit_kernel *kernel); /* NULL: each */
    /* Whether a is to be taken before b; NULL: the stronger ISA, then the cheaper by estimate. */
    bool (*better)(const void *arg, const struct trit_kernel *a, const struct trit_kernel *b);
    const void *arg;
};

bool trit_pick_is_candidate(const struct trit_wish *wish, const struct trit_kernel *kernel);
/* The best candidate that passes its one-tile check; NULL where there is none. */
const struct trit_kernel *trit_pick_best(const struct trit_wish *wish);
/* The same, of those that TRITMILL_KERNEL names where one of them can be had. */
const struct trit_kernel *trit_pick_forced(const struct trit_wish *wish);

/* The pattern of TRITMILL_KERNEL; NULL where it is not set. */
const char *trit_pick_pattern(void);

/* For the other operations: the best, forced or not. */
enum trit_code trit_pick(enum trit_op op, const char *packing, const struct trit_kernel **kernel,
                         struct trit_error *error);
/* The same, of what is computed for many tokens or states at a time: the largest tile. */
enum trit_code trit_pick_many(enum trit_op op, const char *packing,
                              const struct trit_kernel **kernel, struct trit_error *error);

#endif
