/* A ternary model in memory, ready to run, and sequences that run through it.

   Threads of the caller: a pool runs one thing at a time, so of all models that share a pool one at
   a time is loaded, evaluates, or gives its sections. Two evaluations at once are refused: the
   second is TRIT_EARGUMENT, and nothing has changed. For the rest the caller sees to it. A session,
   and working memory, belongs to one thread at a time, and may be made, rewound and freed while
   others evaluate. What a loaded model says of itself (config, cost, plan) may be asked by any
   thread at any time. */
#ifndef TRIT_MODEL_H
#define TRIT_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/error.h"
#include "runtime/base/stop.h"
#include "runtime/format/gguf.h"
#include "runtime/kernel.h"
#include "runtime/thread/pool.h"

struct trit_family; /* runtime/model/family.h */

/* Rotations stretched by YaRN (CONVENTIONS.md). */
struct trit_yarn {
    float factor; /* 0: they are not */
    float attn_factor, beta_fast, beta_slow;
    size_t original; /* context */
};

/* As files have it whose keys say no more. */
struct trit_yarn trit_yarn_usual(float factor, size_t original);

/* Layers with the gated delta rule (CONVENTIONS.md). */
struct trit_delta {
    size_t k_heads, v_heads; /* of queries and of keys; of values. 0: there are no such layers */
    size_t state;            /* elements of a head of any of the three */
    size_t taps;             /* of the convolution before it */
    bool float_gates;        /* alpha and beta are made by rows of floats, not by codes */
};

/* Weights that are rotated, so that their inputs are, too (CONVENTIONS.md). */
struct trit_hadamard {
    size_t block;    /* columns; 0: none are rotated */
    bool signs;      /* there are signs; else all are 1 */
    bool grouped;    /* the delta rule's output is turned head of keys by head of keys */
    bool rows, tied; /* the embedding's rows are; the head, which is the embedding, is */
};

/* Attention that sees the last `length` positions alone, in some layers, which may turn q and k by
   another base. */
enum { TRIT_WINDOW_WORDS = 64 };
struct trit_windows {
    size_t length;                      /* positions, the token's own with them; 0: no windows */
    uint64_t layers[TRIT_WINDOW_WORDS]; /* bit i % 64 of word i / 64: layer i has one */
    float rope_base;                    /* of these layers; 0: that of the others */
    bool others_plain;                  /* layers without a window are not rotated */
};

/* Experts of feed-forward halves, each a matrix for gate and up and one for down (CONVENTIONS.md).
 */
struct trit_experts {
    size_t count, used; /* of a layer; that a token goes through. 0: there are none */
};

struct trit_config {
    const struct trit_family *family;
    char arch[32], name[64];
    size_t vocab, hidden, ffn, layers, heads, kv_heads, head_dim, context;
    size_t rope_dims;
    float eps, rope_base;
    float rope_linear; /* frequencies are divided by it; 0: not. Of layers without a window */
    struct trit_yarn yarn;
    struct trit_windows windows;
    size_t interval; /* of the layers with attention: i, where it divides i + 1; 0: all have it */
    struct trit_delta delta;
    struct trit_hadamard hadamard;
    size_t predicting; /* prediction blocks behind the layers, which the file's tensors have; */
    bool joint;        /* this is one: its inputs are a token and the state before it */
    size_t first;      /* layer i's tensors are blk.(first + i).* */
    bool tied;         /* the head is the embedding */
    float embd_scale;  /* factor of the embedding's rows; 0: none */
    bool norms_in;     /* every projection's inputs are normed once more, by a norm of its own */
    bool packed_head;  /* the head's rows have a scale for each group of columns: it is packed and
                          multiplied as the layers' matrices are. Of a head in a float type its
                          first rows tell, until all of them were seen */
    bool dense;        /* float matrices of the layers are dense, not codes times a scale */
    bool int4;         /* inputs of the layers' matrices of codes are quant4's, else quant's */
    struct trit_experts experts;
};

/* What a model costs: the figures that bench and inspect show. */
struct trit_model_cost {
    size_t trits;        /* in ternary matrices */
    size_t packed_bytes; /* of ternary weights in memory */
    size_t params;       /* all elements of all tensors */
    size_t file_bytes;
    size_t cached, uncached; /* sections that the packed cache had, and those it did not have */
    double load_seconds;
};

struct trit_model;
struct trit_cache;   /* runtime/cache/cache.h */
struct trit_section; /* likewise */
struct trit_profile;
struct trit_session;
struct trit_work;
struct trit_counts; /* runtime/head/cost.h */
struct trit_top;    /* runtime/head/head.h */

/* How a KV cache holds its elements. i8 changes the answer a little. */
enum trit_kv_type { TRIT_KV_F16, TRIT_KV_I8, TRIT_NKV };
const char *trit_kv_name(enum trit_kv_type type); /* "f16" */
enum trit_kv_type trit_kv_find(const char *name); /* TRIT_NKV: there is none of that name */

/* Whether decode leaves out rows of Wup and columns of Wdown that meet zeros; the answer has the
   same bits. AUTO: where the packed cache is laid out for it, which `tritmill pack` measures. */
enum trit_sparse { TRIT_SPARSE_AUTO, TRIT_SPARSE_ON, TRIT_SPARSE_OFF };

struct trit_load_options {
    trit_progress_fn *progress; /* NULL: none */
    void *progress_arg;
    struct trit_profile
        *profile;             /* which kernels to take (runtime/plan/profile.h); NULL: by estimate.
                                 Its log grows, and its libraries are loaded as needed */
    struct trit_cache *cache; /* made of this file, verified, which must outlive the model;
                                 NULL: there is none */
    enum trit_kv_type kv;     /* of all sessions */
    enum trit_sparse sparse;
    bool block; /* the prediction block, too, if the file has one */
};

/* Checks the whole model, picks a kernel for every matrix and packs it, in parallel on pool. The
   pool must outlive the model and runs its sessions too; so must gguf, in which the rows of
   embedding and head stay. options may be NULL. */
enum trit_code trit_model_load(struct trit_model **model, const struct trit_gguf *gguf,
                               struct trit_pool *pool, const struct trit_load_options *options,
                               struct trit_error *error);
void trit_model_free(struct trit_model *model); /* NULL allowed; sessions first */

/* What an outline is made of: a file; or (gguf NULL) a shape, whose layers' matrices and whose
   embedding and head are of these types. */
struct trit_outline_of {
    const struct trit_gguf *gguf;
    const struct trit_config *config;
    uint32_t type, embd; /* enum trit_tensor_type */
};
/* A model as far as it is known without its weights, for that many threads: what loading would
   refuse, and which kernels and bytes it would come to. Values are not looked at, but for a few
   rows of each matrix with a scale for each group of columns, by which it is told what it holds;
   where only later rows have other values, loading comes to more. Of an outline these tell: config,
   cost, need, packed, part; it cannot run, and is freed as a model. options may be NULL. */
enum trit_code trit_model_outline(struct trit_model **outline, const struct trit_outline_of *of,
                                  int threads, const struct trit_load_options *options,
                                  struct trit_error *error);

/* What is going to be made of a model, for trit_model_need. */
struct trit_model_use {
    size_t sequences, context, chunk; /* positions of each sequence, tokens of a pass */
    bool cached; /* the head's planes come from a packed cache, which is mapped */
};
struct trit_model_memory;
/* Bytes of memory that it takes, known before any is taken: packed weights that no packed cache
   has, the head's planes, KV caches filled to their ends, working memory. memory (NULL allowed)
   gets them one by one; what is of the process and of files is 0 there. Mapped files are not
   counted: the system takes their pages back. */
uint64_t trit_model_need(const struct trit_model *outline, const struct trit_model_use *use,
                         struct trit_model_memory *memory);
/* The largest context, at most 2^24, with which that fits in so many bytes; chunks are no longer
   than it. 0: none does. */
size_t trit_model_largest(const struct trit_model *outline, const struct trit_model_use *use,
                          uint64_t room);
/* Weights of its packed matrices. UINT64_MAX where that wraps. */
uint64_t trit_model_trits(const struct trit_config *config);
/* Its matrices as they are run, those of one place and form once: up to room. Returns how many. */
struct trit_model_matrix;
size_t trit_model_products(const struct trit_model *outline, struct trit_model_matrix *list,
                           size_t room);
/* Bytes that its packed cache will have on disk, the table aside. */
uint64_t trit_model_packed(const struct trit_model *outline);

/* A part of a pass, by what it reads and multiplies: as trit_work_counts tells it afterwards; of
   experts as many as tokens choose among them that do so at random. */
struct trit_model_part {
    const char *packing; /* of the weights; NULL: attention, of all layers; or */
    bool delta; /* the delta rule with its states and its gates that are floats, or routers,
                   of all */
    uint64_t bytes, macs;
    bool head, dense;
};
/* Part i of a pass of m tokens from that position on, whose last one is asked for the likeliest
   next token, where few rows of the head have to be scored in full: each matrix, then attention,
   the delta rule, and a head that is no matrix. False past the last. */
bool trit_model_part(const struct trit_model *outline, size_t i, size_t m, size_t position,
                     struct trit_model_part *part);

/* The block that predicts the token after the next, as a model of one layer with sessions of its
   own, which lives as long as its model; NULL: the file has none, or it was not asked for. Its
   inputs are tokens, each with the normed state that the model (or, when it drafts further, the
   block) had before it; its own normed states are what comes before the next. What it computes
   never changes the answer: its matrices, where they are stored as floats, are held in four bits.
 */
struct trit_model *trit_model_block(const struct trit_model *model);

/* Only the hyper-parameters, checked. */
enum trit_code trit_config_read(struct trit_config *config, const struct trit_gguf *gguf,
                                struct trit_error *error);

/* The same of the file at path, which is closed again. */
enum trit_code trit_config_file(struct trit_config *config, const char *path,
                                struct trit_error *error);

const struct trit_config *trit_model_config(const struct trit_model *model);
const struct trit_model_cost *trit_model_cost(const struct trit_model *model);

/* What a packed cache of the model consists of: up to room sections, whose data stay the model's.
   What is otherwise made when it is first needed is made now. Returns how many there are. */
size_t trit_model_sections(struct trit_model *model, struct trit_section *sections, size_t room);

/* Where the memory of a process with one model goes, in bytes. */
struct trit_model_memory {
    size_t weights, head;  /* packed matrices; the head's planes and what its search needs */
    size_t kv, work;       /* of the session and its working memory */
    size_t states;         /* of the session: what the delta rule's layers keep, drafts included */
    size_t file;           /* of the mapped model file, resident now */
    size_t resident, huge; /* of the process now; of that, on huge pages */
};
/* session: NULL allowed. */
void trit_model_memory(const struct trit_model *model, const struct trit_session *session,
                       struct trit_model_memory *memory);

/* One line per matrix: which kernels it got and why. Of the head, one for each plane that finds the
   k best, where there are any, and one for all logits, whose kernel also makes the exact ones of
   the k best; that of a packed head names the kernels of its product. Returns false past the last.
   Strings live as long as the model. */
struct trit_plan {
    const char *matrix; /* "blk.0.attn_qkv", ..., "head plane 1", "head plane 2", "head full" */
    size_t n, k;
    const struct trit_kernel *decode, *prefill; /* for one vector, for several */
    const char *why;
};
bool trit_model_plan(const struct trit_model *model, size_t i, struct trit_plan *plan);

/* Working memory for passes of up to `chunk` tokens (>= 1). It may serve any number of sequences of
   its model, one evaluation at a time. Several of them do not make evaluations run at once: the
   threads and the head's search are the model's. To run sequences together, name them in one
   evaluation. */
enum trit_code trit_work_create(struct trit_work **work, struct trit_model *model, size_t chunk,
                                struct trit_error *error);
void trit_work_free(struct trit_work *work); /* NULL allowed; sessions that use it first */

/* A sequence: KV cache for `context` positions. trit_session_create gives it working memory
   of its own for chunks of `chunk` tokens (or the context where that is less), trit_session_join
   that of others. */
enum trit_code trit_session_create(struct trit_session **session, struct trit_model *model,
                                   size_t context, size_t chunk, struct trit_error *error);
enum trit_code trit_session_join(struct trit_session **session, struct trit_work *work,
                                 size_t context, struct trit_error *error);
void trit_session_free(struct trit_session *session);             /* NULL allowed */
size_t trit_session_position(const struct trit_session *session); /* tokens evaluated so far */
size_t trit_session_context(const struct trit_session *session);
/* Forgets all from that position on. False, and nothing is forgotten, where the model has states
   that cannot go back so far: they go back to 0, and to any of the last drafts. */
bool trit_session_rewind(struct trit_session *session, size_t position);
/* The last position, no further than that, to which it can go back so. */
size_t trit_session_back(const struct trit_session *session, size_t position);

/* A place that a sequence can go back to, states and all, as long as it has not gone back before it
   in the meantime: a copy of its states, none where the model has none. Taking one settles the last
   drafts that were kept. */
struct trit_mark;
enum trit_code trit_mark_take(struct trit_mark **mark, struct trit_session *session,
                              struct trit_error *error);
/* The sequence is there again; false, and nothing has changed, where it went back before it, or was
   freed. A mark may be used any number of times. */
bool trit_mark_back(const struct trit_mark *mark);
void trit_mark_free(struct trit_mark *mark); /* NULL allowed; the session may be freed before */
/* Of where the states are, without settling: before the last drafts that were kept. */
enum trit_code trit_mark_settled(struct trit_mark **mark, struct trit_session *session,
                                 struct trit_error *error);
size_t trit_mark_position(const struct trit_mark *mark); /* SIZE_MAX: it was lost */
size_t trit_mark_bytes(const struct trit_mark *mark);

/* `to` becomes what another sequence of its model was at a mark of it, or, in a model without
   states, at a position; bit for bit, and the other does not change. False, and nothing has
   changed, where that has lost the mark, is not so long, or is longer than the context of `to`; and
   where one context is below 256 and the other is not as long. */
bool trit_mark_copy(const struct trit_mark *mark, struct trit_session *to);
bool trit_session_copy(struct trit_session *to, const struct trit_session *from, size_t position);

/* Bytes of memory that a sequence has filled: its cache, its states with those of drafts. */
struct trit_session_taken {
    size_t kv, states;
};
struct trit_session_taken trit_session_taken(const struct trit_session *session);
/* What is behind its position, from before it went back, leaves memory. */
void trit_session_trim(struct trit_session *session);
size_t trit_session_kv_bytes(const struct trit_session *session);
struct trit_work *trit_session_work(const struct trit_session *session);
size_t trit_work_chunk(const struct trit_work *work);

/* What one sequence adds to an evaluation: count tokens behind those it has. Logits are computed
   for tokens first .. count-1 only (first = count: none): all of them, to
   logits[(i - first) * vocab], or, where top is not NULL, what top[i - first] asks for. */
/* The last `drafts` of them, at most TRIT_DRAFTS, may be forgotten again in a model with states. */
enum { TRIT_DRAFTS = 16, TRIT_BRIEF_ROWS = 1 << 16 };
struct trit_run {
    struct trit_session *session;
    const int32_t *tokens;
    size_t count, first;
    float *logits;
    struct trit_top *top; /* runtime/head/head.h */
    size_t drafts;
    float *states;       /* [count][hidden]: gets the normed state behind each token; NULL: no */
    const float *before; /* [count][hidden]: of a prediction block, the state before each token */
    bool brief;          /* top is of ids below TRIT_BRIEF_ROWS, where the block has a head of them;
                            of all runs of an evaluation, or none */
};

/* Evaluates the runs of different sequences of work's model in as few passes over the weights as
   its chunk allows. Every sequence gets the bits that it would get alone. A session that is named
   twice or belongs to another model, ids out of range, too many tokens for a context, and another
   evaluation under way on the model's pool are TRIT_EARGUMENT; TRIT_EMEMORY where there is none to
   search the head; TRIT_EFORMAT, naming file, layer, part and position, where a state or logit is
   not finite. After an error no sequence has moved, so the same runs may be evaluated again; but in
   a model with states, unless it is TRIT_EARGUMENT, all of them are at 0, from where each can go to
   any of its marks, until it is evaluated or rewound. */
enum trit_code trit_model_eval(struct trit_work *work, const struct trit_run *runs, size_t nruns,
                               struct trit_error *error);

/* The same for one sequence, in its working memory. */
enum trit_code trit_session_eval(struct trit_session *session, const int32_t *tokens, size_t count,
                                 size_t first, float *logits, struct trit_error *error);

/* A run by itself, a pass of the session's working memory at a time, so that between them Ctrl-C is
   seen (TRIT_ESTOPPED): for long texts. After an error the sequence has not moved, or has been
   rewound to 0, where it has states that have. */
enum trit_code trit_session_prefill(const struct trit_run *run, struct trit_error *error);

/* The most drafts that a run may have: SIZE_MAX where the model has no states. */
size_t trit_work_drafts(const struct trit_work *work);

/* What passes in this working memory cost so far. */
const struct trit_counts *trit_work_counts(const struct trit_work *work);

/* Whether weights of I2_S more likely stand in another layout than they are read in: `better`.
   Looks at some matrices; random weights, and those of a model without norms before its matrices,
   tell nothing. */
bool trit_model_doubts_layout(const struct trit_config *config, const struct trit_gguf *gguf,
                              enum trit_i2s *better);

#endif
