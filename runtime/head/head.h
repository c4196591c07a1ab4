/* The output head: logits of states, all of them, or only the k best without reading every row in
   full. The k best are exact: the same bits, the same ids in the same order as sorting all logits.
   A head keeps the state of its search and runs on its pool: one call at a time (a model's
   evaluations see to that), which also goes for trit_head_sections. Heads that share a pool take
   turns, too. */
#ifndef TRIT_HEAD_H
#define TRIT_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/error.h"
#include "runtime/format/rows.h"
#include "runtime/thread/pool.h"

struct trit_head;
struct trit_kernel;
struct trit_counts; /* runtime/head/cost.h */
struct trit_cache;  /* runtime/cache/cache.h */
struct trit_section;

struct trit_candidate {
    float logit;
    int32_t id;
};

/* What is asked about one state, and the answer: all rows of `also`, and the k best of the others
   (fewer where there are fewer), sorted by falling logit, equal ones by rising id. So the first k
   of them are the k best rows of all. */
struct trit_top {
    size_t k;
    const int32_t *also; /* ids, 0 .. rows - 1, each may be named more than once */
    size_t nalso;
    struct trit_candidate *best; /* room for k + nalso */
    size_t count;                /* set: how many there are */
};

enum trit_head_planes {
    TRIT_HEAD_AUTO,   /* planes where they pay: not for heads that a cache holds */
    TRIT_HEAD_NEVER,  /* every answer by a full pass */
    TRIT_HEAD_ALWAYS, /* where there are kernels for them */
};

/* A head over rows, which must outlive it, as must pool and cache (NULL: none). Planes that the
   cache has are used where they are; else all rows are read once, in parallel, to make the first
   plane (4 bits per element), and an infinity or NaN among them is TRIT_EFORMAT naming file, tensor
   and row. The second plane (2 bits) is made when a state needs it. */
enum trit_code trit_head_create(struct trit_head **head, struct trit_rows *rows,
                                struct trit_pool *pool, enum trit_head_planes planes,
                                struct trit_cache *cache, struct trit_error *error);
/* Rows that have a scale for each group of columns, packed: a state is quantised by the same
   groups, all its logits are the grouped product, and the k best are taken from all of them. */
struct trit_head_product {
    const struct trit_kernel *gemv, *gemm; /* which share w */
    const uint8_t *w;                      /* blocks of rows, which must outlive the head */
    size_t block, kp, group;               /* bytes of NR rows; padded columns; the packing's */
};
/* A head over packed rows, of which `rows` says how many and of which tensor. TRIT_EMEMORY, or
   TRIT_EUNSUPPORTED where no quantiser runs here. */
enum trit_code trit_head_create_packed(struct trit_head **head, struct trit_rows *rows,
                                       const struct trit_head_product *product,
                                       struct trit_pool *pool, struct trit_error *error);
void trit_head_free(struct trit_head *head); /* NULL allowed */

/* What a head over such rows takes, known before it is made. nr: rows of a block of the packed
   matrix; 0: the rows are floats, and planes are where they pay. */
struct trit_head_size {
    const char *packing;  /* of the first plane; NULL: there are none */
    size_t plane, planes; /* the first plane with its bounds, which every answer reads, and both
                             planes; 0 where there are none */
    size_t memory;        /* trit_head_bytes, as long as the second plane is not made */
};
struct trit_head_size trit_head_size(struct trit_rows *rows, size_t nr, int threads);

/* m states of k elements each, ld apart. */
struct trit_states {
    const float *x;
    size_t m, ld;
};

/* logits[i][j] = R16(row j * state i), or the grouped product. What it took is added to counts
 * (NULL allowed). */
void trit_head_full(struct trit_head *head, const struct trit_states *states, float *const *logits,
                    struct trit_counts *counts);

/* Answers *top[0] .. *top[m-1] for the states. TRIT_EMEMORY only. */
enum trit_code trit_head_top(struct trit_head *head, const struct trit_states *states,
                             struct trit_top *const *top, struct trit_counts *counts,
                             struct trit_error *error);

/* Bytes in memory for planes, bounds and work; and of the first plane with its bounds alone, which
   every answer reads: 0 where there is none. */
size_t trit_head_bytes(const struct trit_head *head);
size_t trit_head_plane_bytes(const struct trit_head *head);

/* The kernels that score rows by plane 0 or 1: gemv takes one vector, gemm several. False past the
   last plane, and where every answer is a full pass. */
bool trit_head_plane_kernels(const struct trit_head *head, size_t plane,
                             const struct trit_kernel **gemv, const struct trit_kernel **gemm);

/* What a cache is to keep of the head, as long as the head lives: both planes, of which the second
   is made if it was not. Returns how many sections there are, at most TRIT_HEAD_SECTIONS. */
enum { TRIT_HEAD_SECTIONS = 4 };
bool trit_head_from_cache(const struct trit_head *head); /* the first plane is the cache's */
size_t trit_head_sections(struct trit_head *head, struct trit_section *sections);

#endif
