/* What the files of the model share: its matrices, its layers, products, the skipping of zeros, a
   sequence's cache, the working memory of a pass. */
#ifndef TRIT_MODEL_INTERNAL_H
#define TRIT_MODEL_INTERNAL_H

#include "runtime/cache/cache.h"
#include "runtime/format/rows.h"
#include "runtime/head/cost.h"
#include "runtime/head/head.h"
#include "runtime/kernel/pack.h"
#include "runtime/model/experts.h"
#include "runtime/model/family.h"
#include "runtime/model/hadamard.h"
#include "runtime/model/model.h"
#include "runtime/plan/pick.h"

enum { TRIT_PARTS = 4 }; /* tensors of a matrix, at most */

/* A tensor of a dense matrix, and the head's kernels for its type. */
struct trit_dense_part {
    struct trit_rows rows;
    const struct trit_kernel *decode, *prefill;
};
/* The tensors that both families of BitNet's have (runtime/model/arch/bitnet.c). */
enum { TRIT_BITNET_TENSORS = 11 };
extern const struct trit_layer_tensor trit_bitnet_tensors[TRIT_BITNET_TENSORS];
extern const struct trit_family trit_family_bitnet;

/* A ternary matrix, packed for its pair of kernels: the rows of one tensor of the file, or of
   several that take the same inputs; those of all experts of a layer are one. Or a dense one
   (TRIT_FLOATS, runtime/model/dense.c), which has parts, and the first one's kernels as its pair,
   but no packing and nothing that is packed. */
struct trit_matrix {
    char name[48];   /* "blk.0.attn_qkv" */
    size_t n, k, kp; /* kp: k rounded up to the packing's KR */
    struct trit_form form;
    const struct trit_packing *packing;
    size_t block;    /* bytes of a block of NR rows */
    size_t w_bytes;  /* of all blocks, rounded up to TRIT_ALIGN */
    size_t bytes;    /* of blocks and scales: a section of the packed cache */
    uint64_t layout; /* of that section */
    bool cached;     /* it lies in the packed cache, else in the model's arena */
    uint8_t *w;      /* packed blocks */
    float *d;        /* row scales, padded with zeros to whole blocks; behind the blocks. NULL where
                        the packing has groups */
    struct trit_pair pair;
    const struct trit_kernel *skip; /* of rows or columns; NULL: always all of them */
    bool turned;                    /* its columns are rotated, so its inputs are to be, too */
    struct trit_dense_part part[TRIT_PARTS]; /* of a dense matrix, their rows in order */
    size_t experts; /* so many of n x k, one behind the other, each in whole blocks; else 1 */
};

static inline bool trit_matrix_is_dense(const struct trit_matrix *x)
{
    return x->form.values == TRIT_FLOATS;
}

/* Columns that share a scale; 0: all. */
static inline size_t trit_matrix_group(const struct trit_matrix *x)
{
    return x->packing ? x->packing->group : 0;
}

/* Scales of a token's inputs to it. */
static inline size_t trit_matrix_groups(const struct trit_matrix *x)
{
    const size_t group = trit_matrix_group(x);
    return group ? x->kp / group : 1;
}

enum { TRIT_GATE_ROWS = 2 }; /* alpha, beta */

struct trit_layer {
    struct trit_matrix m[TRIT_NROLES];
    float *vector[TRIT_NVECTORS];          /* in the model's floats; NULL: the layer has none */
    struct trit_rows rows[TRIT_GATE_ROWS]; /* what makes alpha and beta, where no matrix does; or
                                              [0]: the router */
    float most_up; /* the largest scale of Wup's rows, where they are skipped */
    float clamp;   /* of experts: the limit of gate and up; 0: none */
};

/* One kernel for each of the other operations. */
struct trit_ops {
    const struct trit_kernel *inputs; /* of matrices of codes: quant or quant4 */
    const struct trit_kernel *quant, *norm, *gated, *softmax, *qk, *pv, *merge, *half, *split,
        *head;
    const struct trit_kernel *rotate, *open; /* NULL where the family has no use for them; */
    const struct trit_kernel *conv, *l2, *delta, *gnorm;
    const struct trit_kernel *rows[TRIT_GATE_ROWS]; /* head, of the form of all layers' rows */
    const struct trit_kernel *route;                /* rows[0]'s of experts, for several tokens */
    const struct trit_kernel *dot; /* gemm on packing i8, where the KV cache is in int8 */
};

struct trit_model {
    struct trit_config config;
    struct trit_model_cost cost;
    struct trit_pool *pool; /* NULL: of an outline */
    int threads;
    struct trit_ops ops;
    const struct trit_kv_kind *kv; /* runtime/model/kv.h: how sessions hold keys and values */
    struct trit_layer *layers;
    float skip_most;                   /* share of open gates up to which rows of Wup are skipped */
    bool apart;                        /* zeros are skipped: Wup stands alone */
    size_t nroles;                     /* matrices that every layer has, */
    enum trit_role roles[TRIT_NROLES]; /* and which */
    struct trit_rows embd, output;     /* output is empty where the head is tied */
    struct trit_head *head;            /* over the one or the other; NULL: of an outline */
    struct trit_head_size head_size;   /* of an outline */
    size_t head_bytes;                 /* likewise: all rows of a head of floats; */
    size_t gate_bytes;      /* of alpha and beta of all layers, where they stay floats, or
                               of routers */
    size_t dense_bytes;     /* of dense matrices that do not stay in the file */
    struct trit_matrix out; /* the head's, where it is packed */
    float *output_norm;
    struct trit_model *block; /* that predicts; NULL: none */
    bool borrows;             /* of a block: the head is its model's, */
    struct trit_head *brief;  /* and this one has its first TRIT_BRIEF_ROWS; NULL: none */
    struct trit_matrix joint; /* of a block: makes its inputs of an embedding and a state, */
    float *joint_norm[2];     /* which are normed first */
    float *floats;            /* norms of all layers, output_norm, and the rope frequencies */
    double *rope;             /* radians per position: [table][rope_dims / 2] */
    double rope_size;         /* of cosines and sines: 1, or YaRN's */
    uint8_t *gate_rows;       /* all layers' rows of alpha and beta, or of routers; NULL: they lie
                                 elsewhere, or are codes */
    struct trit_signs signs[TRIT_SIGNS_MAX]; /* of rotated weights */
    bool head_turned;                        /* the head's columns are rotated */
    uint8_t *arena;                          /* packed matrices and their scales */
    size_t arena_bytes;
    char head_why[96];
};

/* What the delta rule's layers remember of a sequence. Of each there is a matrix for each head, and
   the last inputs of its convolution, as they were at position `settled`. Tokens behind that are
   drafts that were kept: what they had is in a half of the log, one row each, so that they may
   still be forgotten, and they enter the states with the next pass. */
struct trit_delta_states {
    float *memory; /* [layer][head][TRIT_STATE keys in blocks of 16 columns]; [layer][taps - 1][
                      TRIT_MIXED]; of layers with the delta rule */
    float *log;    /* [layer][half][TRIT_DRAFTS][log row]; takes memory as it is used */
    size_t bytes, log_bytes;
    size_t settled;
    int half; /* of the log that has the drafts */
};

/* A sequence: its part of the cache and how much of it is filled. */
struct trit_session {
    struct trit_model *model;
    struct trit_work *work;  /* what its passes run in */
    struct trit_work *owned; /* the same where the session made it, else NULL */
    size_t context, position;
    bool listed;                     /* while an evaluation is checked: one of its runs has it */
    struct trit_delta_states states; /* of the layers with the delta rule */
    struct trit_mark *marks;         /* that it has not gone back before */
    uint8_t *kv; /* [chunk][layer][KV head] of k_bytes, then v_bytes, as model->kv holds them: it
                    takes memory chunk by chunk, as the sequence grows */
    size_t k_bytes, v_bytes; /* of a chunk of one head */
    float *parts;            /* trit_attention_parts: chunks that wait to be merged */
};

/* A token of a pass. */
struct trit_token {
    struct trit_session *session;
    size_t position;
    int32_t id;
    float *state;         /* where it is wanted normed, else NULL */
    const float *before;  /* of a prediction block */
    float *logits;        /* where all are wanted, else NULL */
    struct trit_top *top; /* where the best are wanted, else NULL */
    bool brief;           /* of the first rows alone */
};

/* Tokens begin .. end-1 of a pass: one session, positions that follow each other. */
struct trit_span {
    size_t begin, end;
    size_t drafts;        /* so many of its last tokens may be forgotten again; */
    size_t settled, half; /* where its states were before the pass, and where earlier drafts are */
};

/* What one thread did in the feed-forward half of a layer; zeros between the passes. */
struct trit_share {
    size_t open, rows, columns; /* open gates; rows of Wup and columns of Wdown that were read */
    bool begun;                 /* it has sums of Wdown's columns */
    char apart[64 - 3 * sizeof(size_t) - sizeof(bool)];
};

/* Where a pass first left the finite numbers. */
struct trit_fault {
    bool found;
    enum trit_part part;
    size_t layer; /* the number of layers: before the first, or behind the last */
    size_t position;
};

/* The working memory of a pass of m tokens, m <= chunk. */
struct trit_work {
    struct trit_model *model;
    size_t chunk, m, nspans;
    size_t layer; /* that the pass is at; behind the last their number */
    struct trit_counts counts;
    struct trit_fault fault;
    uint8_t *memory; /* what the pointers below point into; M stands for the chunk */
    size_t bytes;
    struct trit_token *tokens; /* [M] */
    struct trit_span *spans;   /* [M]: of the tokens, in order */
    float *x, *h;              /* [M][hidden]: the residual stream; what is to be added to it */
    float *qkv;                /* [M][qkv_ld]: q, k, v; then, in q's place, what attention gives */
    float *gate_up;            /* [M][gate_up_ld]: gate, up; then, in gate's place, their product.
                                  With experts [M * used]; then what these give */
    float *mix;                /* [M][mix_ld], in the same place: what the delta rule works on */
    float *angles;             /* [M][table][rope_dims/2][2]: cosine, sine */
    int8_t *a;                 /* [M][a_ld]: the quantised inputs of the next product */
    float *s;                  /* [M][groups of the product's matrix]: its scale, or the */
    int32_t *sum;              /* reciprocals of its groups' scales; its sums. At least [M] */
    const float *f;            /* [M][f_ld]: the inputs of the next product with a dense matrix, in
                                  the place of h or of what they were made of */
    float *row;                /* per thread, [row_floats]: one token's values between norm and
                                  quantiser */
    uint32_t *list;            /* [ffn]: features that are not skipped, if any are; */
    int8_t *live;              /* [ffn]: their values; */
    int32_t *partial;          /* per thread, [rows of Wdown, padded]: sums of columns; */
    struct trit_share *shares; /* per thread */
    size_t *wanted;            /* [M]: tokens that the head is wanted for, their answers' places */
    float **logits;            /* [M] */
    struct trit_top **tops;    /* [M] */
    float *scratch;            /* per thread, [scratch_floats], for attention */
    struct trit_routes routes; /* to experts, of the layer that the pass is at */
    size_t qkv_ld, gate_up_ld, mix_ld, a_ld, f_ld, row_floats, scratch_floats;
};

/* From one head of q to the next. */
static inline size_t trit_query_step(const struct trit_config *config)
{
    return config->family->gated_heads ? 2 * config->head_dim : config->head_dim;
}

/* Matrix i: those of the layers, role by role, then a packed head, then the joint of a block. NULL
   past the last. */
const struct trit_matrix *trit_model_matrix(const struct trit_model *model, size_t i);

/* Fills matrix->w and matrix->d, in parallel, with the rows of up to TRIT_PARTS checked tensors
   (NULL: no further ones), one after the other; the mapped originals leave memory. */
enum trit_code trit_matrix_pack(struct trit_matrix *matrix, const struct trit_gguf *gguf,
                                const struct trit_gguf_tensor *const parts[TRIT_PARTS],
                                struct trit_pool *pool, struct trit_error *error);

/* A fingerprint of how the packing lays out bytes in blocks of nr rows, 0 without memory. */
uint64_t trit_packing_layout(const struct trit_packing *packing, size_t nr);
/* The packed cache's section of that name, whatever it holds; NULL where it or the cache is not
 * there.
 */
const struct trit_section *trit_matrix_section(const struct trit_cache *cache, const char *name);
/* Whether the packed cache (NULL: there is none) holds weights that are laid out to be skipped. */
bool trit_cache_skips(const struct trit_cache *cache);
/* The matrix's blocks and scales in the packed cache, NULL where they are not there. */
const void *trit_matrix_cached(const struct trit_matrix *matrix, struct trit_cache *cache,
                               struct trit_pool *pool);
/* One more that was looked for in the packed cache (NULL: there is none). */
void trit_cost_section(struct trit_model_cost *cost, const struct trit_cache *cache, bool cached);

/* The head's rows: the output matrix or the embedding. */
const struct trit_rows *trit_model_head(const struct trit_model *model);

/* Radians per position for each pair of each table, [table][rope_dims / 2], and the size of their
   cosines and sines. */
void trit_rope_frequencies(const struct trit_config *config, double *frequencies, double *size);

/* Parts of a pass over all its tokens, of which families make their layers. */

/* x = Joint (norm of an embedding, norm of the state before): of a block, in place of the lookup.
 */
void trit_join(struct trit_work *work);
/* Token `token`'s row of the embedding. */
void trit_lookup_row(const struct trit_model *model, int32_t token, float *row);

/* a, s, sum = the quantised norm of each token's values at in + token * ld, as many as `to` has
   columns, quantised as its product takes them; weights NULL: of the values themselves. Where `to`
   is dense f = the same, not quantised: of the residual stream in h, else in `in`, which is lost.
 */
void trit_norm_quant(struct trit_work *work, enum trit_part part, const float *in, size_t ld,
                     const struct trit_matrix *to, const float *weights);
/* The same of the residual stream x; and what is normed also to keep[M][hidden] (NULL: not). */
void trit_norm_stream(struct trit_work *work, enum trit_part part, const struct trit_matrix *to,
                      const float *weights);
void trit_norm_keep(struct trit_work *work, enum trit_part part, const struct trit_matrix *to,
                    const float *weights, float *keep);
/* The same of what attention gave, opened by its gates. */
void trit_opened_quant(struct trit_work *work, enum trit_part part, const struct trit_matrix *to);
/* out = the rotation of k inputs of rotated weights; may be in. */
void trit_turn(const struct trit_model *model, size_t k, const float *in, float *out);

/* The gated delta rule from the products in qkv (TRIT_MIXED channels, then TRIT_INNER gates, then
   alpha and beta, which rows of floats make first, of the normed inputs in h), normed and opened;
   the states of the pass's sequences move on. Its output: row i at i * mix_ld. */
void trit_delta_rule(struct trit_work *work, size_t layer);
const float *trit_delta_output(const struct trit_work *work);
/* Kept drafts enter a sequence's states at once. TRIT_EARGUMENT where another evaluation runs. */
enum trit_code trit_delta_settle(struct trit_session *session, struct trit_error *error);
size_t trit_delta_floats(const struct trit_config *config); /* mix_ld */
/* What one layer's rule reads, and writes, and computes for m tokens, alpha and beta aside. */
void trit_delta_cost(const struct trit_config *config, size_t m, uint64_t *bytes, uint64_t *macs);

/* Norms q's and k's heads where the layer has such norms, rotates q and k, stores k and v, and
   leaves what attention gives in q's place. */
void trit_attention(struct trit_work *work, size_t layer);
size_t trit_attention_scratch(const struct trit_model *model);               /* floats per thread */
size_t trit_attention_parts(const struct trit_model *model, size_t context); /* floats */
/* What a layer's attention of n tokens from that position on costs: each key and value that they
   see once, every query with those that it sees. */
void trit_attention_cost(const struct trit_model *model, size_t layer, size_t position, size_t n,
                         uint64_t *bytes, uint64_t *macs);
/* Marks behind the position are lost. */
void trit_marks_forget(struct trit_session *session, size_t position);
/* All of them, since the session is freed. */
void trit_marks_detach(struct trit_session *session);
/* A sequence's states and log; 0 where the model has no such layers. */
size_t trit_states_bytes(const struct trit_config *config);
size_t trit_states_log_bytes(const struct trit_config *config);
/* False: no memory. */
bool trit_states_map(struct trit_delta_states *states, const struct trit_config *config);
void trit_states_unmap(struct trit_delta_states *states);
/* The state of a head in order `order` of the layers with the delta rule; the convolution's inputs
   before the next token's, [taps - 1][TRIT_MIXED]; a half of the log, rows of trit_states_row. */
float *trit_states_head(const struct trit_delta_states *states, const struct trit_config *config,
                        size_t order, size_t head);
float *trit_states_tail(const struct trit_delta_states *states, const struct trit_config *config,
                        size_t order);
float *trit_states_log(const struct trit_delta_states *states, const struct trit_config *config,
                       size_t order, size_t half);
size_t trit_states_row(const struct trit_config *config);
size_t trit_states_head_floats(const struct trit_config *config); /* of the state of a head */

/* Bytes of the working memory for passes of up to `chunk` tokens. */
size_t trit_work_bytes(const struct trit_model *model, size_t chunk);
/* Bytes of a sequence's cache, UINT64_MAX where that wraps. */
uint64_t trit_session_cache(const struct trit_model *model, size_t context);
/* The first `position` positions of a sequence's cache; false, and nothing has changed, where it
   has fewer, or `to` is no other sequence of the model with room for them in the same layout. */
bool trit_cache_copy(struct trit_session *to, const struct trit_session *from, size_t position);
/* Bytes of a sequence beside its cache: chunks that wait to be merged. */
size_t trit_session_parts(const struct trit_model *model, size_t context);

/* f = gated(Wgate a, Wup a), in gate's place; the same of gate and up that are there. */
void trit_gate_up(struct trit_work *work, const struct trit_layer *layer);
void trit_gated(struct trit_work *work);
/* x = x + Wdown a. */
void trit_down(struct trit_work *work, const struct trit_layer *layer);
/* The half after attention: a norm, then the two, with a sub-norm between them where there is one.
 */
void trit_feed_forward(struct trit_work *work, const struct trit_layer *layer);
/* What of it comes after f; and of attention after what it gives. */
void trit_feed_forward_out(struct trit_work *work, const struct trit_layer *layer);
void trit_attention_out(struct trit_work *work, const struct trit_layer *layer);

/* A layer of attention, then a gated feed-forward half, each with a norm before it; the sub-norms
   and the norms of q and k where the family has them. */
void trit_layer_gated(struct trit_work *work, size_t layer);
/* The same where every projection has a norm of its own before it. */
void trit_layer_norms_in(struct trit_work *work, size_t layer);

/* Whether all is finite (runtime/model/finite.c): what is not becomes the work's fault, unless it
   has one. After the norm of each token's values at in + token * ld was quantised for `to` (weights
   NULL: the values themselves); after a product with quantised activations; the normed states of
   the first m wanted tokens; the logits of the first m, and the best of those from `first` on. */
void trit_finite_norm(struct trit_work *work, enum trit_part part, const float *in, size_t ld,
                      const struct trit_matrix *to, const float *weights);
void trit_finite_product(struct trit_work *work, enum trit_part part,
                         const struct trit_matrix *matrix, const float *y, size_t ldy);
/* Whether all of them are. */
bool trit_finite_all(const float *x, size_t n);
/* The largest of the bits of |x|, which are in the order of the values. */
uint32_t trit_finite_most(const float *x, size_t n);
/* A part found token `token` wrong; none from m on. */
void trit_finite_token(struct trit_work *work, enum trit_part part, size_t token);
void trit_finite_states(struct trit_work *work, size_t m);
void trit_finite_logits(struct trit_work *work, size_t m);
void trit_finite_tops(struct trit_work *work, size_t first, size_t m);
/* The fault as TRIT_EFORMAT, which the work then forgets: "FILE: layer 7, gate, up: not finite at
   token 12". */
enum trit_code trit_finite_fault(struct trit_work *work, struct trit_error *error);

/* As the quantiser's scale tells it of inputs that are not quantised: 127 / their largest, 0 where
   one is not finite. */
float trit_finite_scale(const float *x, size_t n);
bool trit_finite_overflow(const float *x, size_t n); /* the sum of its squares does */

/* The kernels for a part's rows: for one token, for several. */
enum trit_code trit_dense_pick(struct trit_dense_part *part, struct trit_error *error);
/* Dense matrices: what loading one takes, what a product reads of it. */
size_t trit_dense_memory(const struct trit_matrix *matrix);
uint64_t trit_dense_bytes(const struct trit_matrix *matrix);
void trit_dense_free(struct trit_matrix *matrix);

/* trit_product_patch and trit_product_rows of a dense matrix, whatever the first row. */
struct trit_patch;
void trit_dense_patch(const struct trit_work *work, const struct trit_matrix *matrix,
                      const struct trit_patch *patch, float *y, size_t ldy);
void trit_dense_rows(const struct trit_work *work, const struct trit_matrix *matrix, size_t row,
                     size_t last, float *y, size_t ldy);
/* y of all of it in one region; then (NULL: nothing) gets the work and pieces of rows. */
typedef void trit_dense_then(void *work, size_t row, size_t last);
void trit_dense_product(const struct trit_work *work, enum trit_part part,
                        const struct trit_matrix *matrix, float *y, size_t ldy,
                        trit_dense_then *then);

/* Products of a pass's activations, quantised (a, s, sum of the work) for ternary matrices, as they
   are (f) for dense ones. Private to the model. */

/* The rows of a block; blocks that the first n rows of the matrix fill; whether products may begin
   with that row. */
size_t trit_product_block_rows(const struct trit_matrix *matrix);
size_t trit_product_blocks(const struct trit_matrix *matrix, size_t n);
bool trit_product_begins(const struct trit_matrix *matrix, size_t row);

/* One region over blocks 0 .. blocks-1 of the matrix, in pieces as they suit the pass. */
void trit_product_region(const struct trit_work *work, enum trit_part part,
                         const struct trit_matrix *matrix, size_t blocks, trit_job_fn *fn,
                         void *arg);

/* Rows row .. last-1, row a multiple of NR, of all tokens: to y[token * ldy + row] and so on. */
void trit_product_rows(const struct trit_work *work, const struct trit_matrix *matrix, size_t row,
                       size_t last, float *y, size_t ldy);

/* Tokens first .. first+m-1 with rows row .. last-1. */
struct trit_patch {
    size_t first, m, row, last;
};

/* A patch, row a multiple of NR, by one of the kernels that share the matrix's weights. */
void trit_product_patch(const struct trit_work *work, const struct trit_matrix *matrix,
                        const struct trit_kernel *kernel, const struct trit_patch *patch, float *y,
                        size_t ldy);

/* x = x + h in a patch. */
void trit_residual(const struct trit_work *work, const struct trit_patch *patch);

/* y = product, or x = x + product by way of h, in one region. */
void trit_product(struct trit_work *work, enum trit_part part, const struct trit_matrix *matrix,
                  float *y, size_t ldy);
void trit_product_add(struct trit_work *work, enum trit_part part,
                      const struct trit_matrix *matrix);

/* x = x + norm of product; weights NULL: of the product itself. */
void trit_product_into(struct trit_work *work, enum trit_part part,
                       const struct trit_matrix *matrix, const float *weights);

/* What a product with all of the matrix, or with one expert's, reads of it. */
uint64_t trit_product_bytes(const struct trit_matrix *matrix);

/* Enters the product into the work's counts. */
void trit_product_count(struct trit_work *work, enum trit_part part,
                        const struct trit_matrix *matrix);

/* The feed-forward half where zeros are skipped: Wup's rows only where the gate is open, Wdown's
   columns only where the int8 input is not 0. Private to the model. */

/* Finds the share of open gates above which all rows of Wup are read: on the model's own matrices,
   with all threads. */
void trit_skip_measure(struct trit_model *model);

/* up[from .. to-1] of all tokens from gate; where it is left at 0 the gate is not open. from is a
   multiple of Wup's NR. */
void trit_skip_up(struct trit_work *work, const struct trit_layer *layer, size_t from, size_t to,
                  int thread);

/* x = x + Wdown a. */
void trit_skip_down(struct trit_work *work, const struct trit_layer *layer);

/* Enters what trit_skip_up did in all threads into the work's counts. */
void trit_skip_count_up(struct trit_work *work, const struct trit_layer *layer);

#endif
