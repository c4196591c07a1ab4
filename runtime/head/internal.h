/* What the files of the head share. Private to runtime/head*.c and their tests. */
#ifndef TRIT_HEAD_PARTS_H
#define TRIT_HEAD_PARTS_H

#include <stdatomic.h>
#include <stdbool.h>

#include "runtime/head/cost.h"
#include "runtime/head/head.h"
#include "runtime/kernel.h"
#include "runtime/kernel/pack.h"

enum {
    TRIT_HEAD_ROWS = 64,   /* of a group: rows that share a bound; planes' NR divide it */
    TRIT_HEAD_PIECE = 256, /* rows in one piece of work, whole groups */
    TRIT_HEAD_STATES = 16, /* that are scored at a time */
    TRIT_HEAD_TERMS = 2,   /* int8 vectors that stand for a state */
};

/* Codes of a bit more precision of all rows. The row e is about the sum of its planes: plane 1 has
   (c + 1/2) * d, c = -8 .. 7, plane 2 (c + 1/2) * d/4, c = -2 .. 1, d being the row's step. */
struct trit_head_plane {
    const struct trit_kernel *gemv, *gemm; /* which share the packed codes */
    const struct trit_packing *packing;
    size_t block;     /* bytes of NR rows */
    size_t bytes;     /* of all */
    const uint8_t *w; /* NULL where the plane is not made */
    const float *r;   /* per row, at least |row - this plane and those before it|; the first plane's
                         are followed by all steps, and the norms of all groups */
    size_t bounds_bytes; /* from r on */
    bool cached;         /* not ours */
};

/* The k best of candidates that come in any order. */
struct trit_best {
    struct trit_candidate *at; /* the worst first, a heap */
    size_t n, k;
};

/* A state under way. */
struct trit_head_state {
    const float *x;
    float norm;  /* at least |x| */
    float slack; /* times a group's norm: at least all error but that of the planes */
    float shift; /* times a row's step: what the halves of the codes add to a score */
    bool coarse; /* a second term would leave much less */
    float cut;   /* at most the least logit of the k best */
    struct trit_top *top;
    int32_t *also; /* top's, sorted, each once */
    size_t nalso;
    size_t first; /* rows that top->best holds before those of also: k, or all others */
};

struct trit_head {
    struct trit_rows *rows;
    struct trit_pool *pool;
    struct trit_cache *cache;                        /* NULL: none */
    const struct trit_kernel *kernel, *many, *quant; /* of rows of floats: for one state, several */
    struct trit_head_product product; /* of packed rows; w is NULL where there are none */
    float *reciprocals;               /* [TRIT_HEAD_STATES][groups of columns]: of scales */
    int32_t *sums;                    /* as many, of packed rows */
    size_t n, k, kp, groups, threads; /* kp: k rounded up for the planes' kernels */
    struct trit_head_plane plane[2];
    const float *d;    /* steps; of whole groups, as all that has one value per row */
    const float *norm; /* per group, at least |row| + r of each of its rows */
    float most;        /* the greatest of them */
    float *reach;      /* per group, the greatest r of the first plane */

    struct trit_head_state state[TRIT_HEAD_STATES];
    const float *x;       /* of the present states, ldx apart */
    size_t ldx, m, terms; /* how many they are; int8 vectors for each */
    int8_t *a;            /* [m * terms][kp]; s and sum likewise */
    float s[TRIT_HEAD_STATES * TRIT_HEAD_TERMS];
    int32_t sum[TRIT_HEAD_STATES * TRIT_HEAD_TERMS];
    float *y; /* [m][rows]: scores by the planes read so far */
    size_t y_bytes;
    float *peak;    /* [m][groups]: at least every exact logit of the group */
    bool *fine;     /* [m][groups]: the second plane is in y */
    uint32_t *open; /* groups that may hold one of the k best of a state */
    size_t nopen;
    struct trit_best *best;             /* [m][threads] */
    struct trit_candidate *candidates;  /* theirs */
    struct trit_candidate *merged;      /* [threads] times the greatest k */
    int32_t *also;                      /* of all states */
    size_t ncandidates, nmerged, nalso; /* room */
    uint8_t *scratch;                   /* per thread: a row as the head's kernel takes it, or
                                           logits of packed rows */
    size_t scratch_bytes;

    bool deep;                   /* the last states took the second plane: the next may, too */
    bool no_plane2;              /* there was no memory */
    size_t skip, skip_k;         /* calls that shall take a full pass if they ask for so many */
    atomic_size_t nfine, nexact; /* rows of the present call */
};

/* plane.c. Makes plane 0 of all rows, with d and norm, or plane 1 after it; returns the lowest
   row that is not finite, or SIZE_MAX. Without memory the plane stays NULL. */
size_t trit_head_make(struct trit_head *head, int plane);
void trit_head_forget(struct trit_head *head, int plane);
void trit_head_put(struct trit_head *head, int plane, const uint8_t *w, const float *bounds,
                   bool cached);
size_t trit_plane_bytes(const struct trit_head_plane *plane); /* 0 where it is not made */
/* A hash of what the code here makes of some rows; 0 without memory. */
uint64_t trit_head_layout(const struct trit_head *head, int plane);

/* sections.c. Takes a plane from the cache, or makes it: as trit_head_make. */
size_t trit_head_need(struct trit_head *head, int plane);

/* state.c. Quantises the present states, to one or two terms; false where no bound holds for
   one of them. */
bool trit_head_prepare(struct trit_head *head);

/* top.c. Answers the present states by planes, or by a full pass. */
void trit_head_search(struct trit_head *head, struct trit_counts *counts);
void trit_head_search_all(struct trit_head *head, struct trit_counts *counts);

/* best.c */
bool trit_candidate_before(struct trit_candidate a, struct trit_candidate b);
void trit_candidates_sort(struct trit_candidate *c, size_t n);
void trit_best_add(struct trit_best *best, struct trit_candidate c);
void trit_ids_sort(int32_t *ids, size_t n);
/* Whether sorted ids have this one. */
bool trit_ids_have(const int32_t *ids, size_t n, int32_t id);

/* exact.c. The exact logits of rows for the present states, TRIT_HEAD_PIECE apart; of one row for
   state i. */
void trit_head_rows(struct trit_head *head, size_t row, size_t n, float *logits, int thread);
float trit_head_exact(struct trit_head *head, size_t row, size_t i, int thread);
/* Packed rows, blocks of nr: bytes of a thread's scratch. Quantises the present states. */
size_t trit_head_packed_scratch(size_t nr);
void trit_head_quantise(struct trit_head *head);
/* Bytes that a full pass reads. */
uint64_t trit_head_full_bytes(const struct trit_head *head);

#endif
