/* What the judging commands share: texts cut into chunks, scores of logits, saved logits and the
   divergence from them, results with what they were made with. */
#ifndef TRIT_JUDGE_INTERNAL_H
#define TRIT_JUDGE_INTERNAL_H

#include <jansson.h>

#include "runtime/cli/open.h"

/* A mean with its standard error: sums of n numbers and of their squares. */
struct trit_mean {
    double sum, squares;
    size_t n;
};
void trit_mean_add(struct trit_mean *mean, double x);
double trit_mean_of(const struct trit_mean *mean);    /* n >= 1 */
double trit_mean_error(const struct trit_mean *mean); /* 0 where n < 2 */

/* -ln of the probability that row i of logits gives to next[i], i < n, on all threads. */
void trit_score_rows(struct trit_pool *pool, const float *logits, size_t vocab, const int32_t *next,
                     size_t n, double *nll);

/* A text's tokens in chunks: chunk i is tokens i * step .. i * step + context - 1, its first one
   replaced by BOS where the model has one. The tokens behind position `first` are scored. */
struct trit_chunks {
    int32_t *ids; /* malloc'd by their reader */
    size_t nids, context, step, first, n;
};
/* What is done with logits of the chunk's positions, n rows, of which row i was followed by
   next[i]. */
typedef enum trit_code trit_judge_fn(void *arg, const float *logits, const int32_t *next, size_t n,
                                     struct trit_error *error);
/* Evaluates a chunk from an empty session and hands its rows over, at most `slice` at a time;
   logits has room for them. TRIT_ESTOPPED after Ctrl-C. */
struct trit_chunk_work {
    struct trit_engine *engine;
    struct trit_session *session;
    int32_t *tokens; /* [context] */
    float *logits;   /* [slice][vocab] */
    size_t slice;
};
enum trit_code trit_chunk_work_create(struct trit_chunk_work *w, struct trit_engine *engine,
                                      const struct trit_chunks *chunks, struct trit_error *error);
void trit_chunk_work_free(struct trit_chunk_work *w); /* one of zeros allowed */
enum trit_code trit_chunk_eval(struct trit_chunk_work *w, const struct trit_chunks *chunks,
                               size_t i, trit_judge_fn *fn, void *arg, struct trit_error *error);

/* Saved logits, in the form of llama.cpp's --kl-divergence-base: "_logits_", i32 context,
   vocabulary and chunks, the tokens of all chunks, then for each scored position, in order, a row
   of u16: an f32 scale and an f32 least log-probability, then for each token q, of which scale * q
   + least is its log-probability (what is more than 16 below the best is at the least), padded to
   an even number. */
struct trit_base_shape {
    size_t context, vocab, chunks;
};
static inline size_t trit_base_row(size_t vocab)
{
    return 4 + (vocab + 1) / 2 * 2;
}
static inline size_t trit_base_scored(size_t context) /* positions of a chunk */
{
    return context - 1 - context / 2;
}
void trit_base_encode(const float *logits, size_t vocab, uint16_t *row);

extern const struct trit_file_kind trit_output_logits;

/* Being read. ids: of all chunks, freed with it. */
struct trit_base {
    struct trit_base_shape shape;
    int32_t *ids;
    void *file; /* FILE */
    const char *path;
    size_t row; /* the next */
};
/* Header and tokens, all checked; vocab: the model's. What is wrong with a file is TRIT_EFORMAT
   naming it and the row. The path must outlive it. */
enum trit_code trit_base_open(struct trit_base *base, const char *path, size_t vocab,
                              struct trit_error *error);
/* The same of a stream that it then owns; bytes: its size. */
enum trit_code trit_base_parse(struct trit_base *base, void *file, uint64_t bytes, const char *path,
                               size_t vocab, struct trit_error *error);
/* The next n rows of trit_base_row(vocab) each. */
enum trit_code trit_base_read(struct trit_base *base, size_t n, uint16_t *rows,
                              struct trit_error *error);
void trit_base_close(struct trit_base *base); /* one of zeros allowed */

/* How far a model is from saved logits (llama.cpp's definitions; p is what the model gives to the
   token that came, in the base pb): of each position the divergence sum of pb ln(pb / p) over the
   vocabulary, and p - pb. */
struct trit_divergence {
    struct trit_mean kl, nll, base, log_ratio, p, p_square;
    size_t same;      /* positions of which both have the same best token */
    double *kls, *ps; /* of all positions, in order, [room] */
    size_t room;
};
struct trit_far {
    double nll, base, kl, p;
    bool same;
};
/* n rows of logits, each beside the base's, and the token that came. */
struct trit_compared {
    const float *logits;
    size_t vocab, n;
    const uint16_t *base;
    const int32_t *next;
    struct trit_far *far; /* set */
};
/* On all threads. */
void trit_divergence_rows(struct trit_pool *pool, const struct trit_compared *rows);
/* False: no memory. */
bool trit_divergence_create(struct trit_divergence *d, size_t positions);
void trit_divergence_add(struct trit_divergence *d, const struct trit_far *far, size_t n);
void trit_divergence_free(struct trit_divergence *d);
/* For people, and as one object. Sorts kls and ps. */
void trit_divergence_print(struct trit_divergence *d);
json_t *trit_divergence_json(struct trit_divergence *d);

/* Options of commands that evaluate texts one by one. */
struct trit_judge_options {
    const char *profile; /* NULL: look */
    int context;         /* 0: 2048, or the model's if that is less */
    int threads;
    bool quiet;
};
enum { TRIT_JUDGE_CHUNK = 256 }; /* tokens of a pass, at most */
/* Loads an opened model and makes a session of it. */
enum trit_code trit_judge_load(struct trit_engine *engine, const struct trit_judge_options *options,
                               struct trit_session **session, struct trit_error *error);

/* "model", "model_hash", "build" and "packed_cache" of results. NULL: no memory. */
json_t *trit_judged_by(const struct trit_engine *engine);
/* The same as a line for people. */
void trit_judged_print(const struct trit_engine *engine);

/* A question of a task: the likelihood of each continuation behind its context. */
enum { TRIT_CHOICES = 32 };
struct trit_question {
    size_t n, right;
    char *context[TRIT_CHOICES], *continuation[TRIT_CHOICES]; /* malloc'd, each */
    size_t length[TRIT_CHOICES]; /* characters of the choice, which its likelihood is divided by */
};
void trit_question_free(struct trit_question *q); /* one of zeros allowed */
/* A line of a task's jsonl. label: the right choice, where the line does not say it itself; s NULL:
   there is none. */
struct trit_task_line {
    const char *path;
    size_t number;
    struct trit_text text, label;
};
/* What it asks, by the keys that it has: those of ARC, HellaSwag, WinoGrande, BoolQ and PIQA (the
   forms of the makers and of Hugging Face); *task gets the name of the form. Prompts as in
   lm-evaluation-harness. TRIT_EFORMAT names path, line and key. */
enum trit_code trit_question_read(struct trit_question *q, const char **task,
                                  const struct trit_task_line *line, struct trit_error *error);

#endif
