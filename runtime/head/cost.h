/* The parts of a pass through a model, by which traces tell them apart, and what passes cost:
   bytes, multiply-adds and shares, counted where the work is done, always. */
#ifndef TRIT_COST_H
#define TRIT_COST_H

#include "runtime/thread/trace.h"

/* In the order of a pass. */
enum trit_part {
    TRIT_PART_EMBED,        /* rows of the embedding */
    TRIT_PART_JOINT,        /* of a prediction block: product that makes its inputs */
    TRIT_PART_ATTN_NORM,    /* (residual of the layer before,) norm, quantised */
    TRIT_PART_QKV,          /* products with Wq, Wk, Wv */
    TRIT_PART_ROPE,         /* rotation; keys and values into the cache */
    TRIT_PART_ATTENTION,    /* scores, probabilities, values */
    TRIT_PART_MERGE,        /* of chunks, where they are not merged at once */
    TRIT_PART_GATES,        /* alpha and beta of the delta rule by rows of floats */
    TRIT_PART_CONV,         /* convolution before the delta rule; q and k to unit length */
    TRIT_PART_DELTA,        /* decay and beta, the delta rule, its gated norm */
    TRIT_PART_SUB_NORM,     /* norm, or gates, of what attention gave, quantised */
    TRIT_PART_O,            /* product with Wo */
    TRIT_PART_FFN_NORM,     /* (residual of attention,) norm, quantised */
    TRIT_PART_ROUTER,       /* scores of experts; tokens sorted by theirs */
    TRIT_PART_GATE_UP,      /* products with Wgate and Wup, with or without the squared ReLU */
    TRIT_PART_FFN_SUB_NORM, /* (squared ReLU,) norm, quantised */
    TRIT_PART_DOWN,         /* product with Wdown */
    TRIT_PART_DOWN_SUM,     /* of threads' partial sums of it */
    TRIT_PART_RESIDUAL,     /* where it is a region of its own */
    TRIT_PART_OUTPUT_NORM,  /* norm before the head, quantised where a plane wants it */
    TRIT_PART_HEAD_PLANE1,  /* scores of all rows, coarse */
    TRIT_PART_HEAD_PLANE2,  /* finer ones of those that survived */
    TRIT_PART_HEAD_EXACT,   /* full precision for the rows that are left */
    TRIT_PART_HEAD_FULL,    /* full precision for all rows */
    TRIT_NPARTS
};
_Static_assert((int)TRIT_NPARTS <= (int)TRIT_TRACE_PARTS, "a trace holds every part");

/* "attn norm", "qkv", ...: as tables show them. */
const char *trit_part_name(enum trit_part part);

/* Sums over passes, nothing but 64-bit counts. Only the thread that runs a pass writes here,
   between its regions: jobs count in memory of their own. bytes: of weights, tables and the KV
   cache, each once per pass however often a cache serves it again; not activations. macs:
   multiply-adds of the products, of attention and of the head, as the model defines them (a sparse
   way counts what it does). */
struct trit_counts {
    uint64_t passes, tokens; /* times the layers were gone through; tokens in them */
    uint64_t bytes[TRIT_NPARTS], macs[TRIT_NPARTS];
    /* In passes of one token that skip zeros. */
    uint64_t gates, gates_open;  /* of the FFN: all, and those above 0 */
    uint64_t downs, downs_live;  /* inputs of Wdown: all, and those whose int8 is not 0 */
    uint64_t up_rows, down_cols; /* read: rows of Wup, columns of Wdown */
    uint64_t head_states;        /* final states that were scored */
    uint64_t head_rows, head_rows2, head_exact; /* (state, row) pairs: all, in plane 2, exactly */
    uint64_t float_macs[TRIT_NPARTS];           /* of macs, those of dense matrices */
};

static inline void trit_count(struct trit_counts *counts, enum trit_part part, uint64_t bytes,
                              uint64_t macs)
{
    counts->bytes[part] += bytes;
    counts->macs[part] += macs;
}

/* counts -= before. */
void trit_counts_since(struct trit_counts *counts, const struct trit_counts *before);

#endif
