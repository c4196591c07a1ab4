/* What the files of the C interface share: handles, errors, structs that grow, turns. */
#ifndef TRIT_API_INTERNAL_H
#define TRIT_API_INTERNAL_H

#include <pthread.h>

#include "runtime/api/tritmill.h"
#include "runtime/chat/chat.h"
#include "runtime/decode/decode.h"
#include "runtime/engine/engine.h"
#include "runtime/thread/turn.h"

struct trit_matcher; /* runtime/grammar/grammar.h */
struct trit_vocabulary;

struct trit_lm {
    struct trit_engine engine;
    struct trit_work *work;             /* of all contexts and batches */
    size_t weights;                     /* bytes */
    struct trit_turn turn;              /* of what the pool does */
    pthread_mutex_t making;             /* of the vocabulary: */
    struct trit_vocabulary *vocabulary; /* NULL: no grammar was used yet */
};

struct trit_lm_context {
    struct trit_lm *lm;
    struct trit_session *session;
    int32_t *tokens; /* as many as the context is long */
    size_t n;        /* that stand; drafts of a writer may be evaluated behind them */
    size_t moves;    /* changes whenever it moves, so that writers see who moved it */
    float *logits;
    size_t logits_room;
    struct trit_mark *mark;
    size_t marked; /* position of the mark */
    _Atomic bool stop;
};
/* What a writer drafted and nobody took is forgotten. */
void trit_context_settle(struct trit_lm_context *context);
/* These were evaluated, and stand. */
void trit_context_append(struct trit_lm_context *context, const int32_t *tokens, size_t n);
/* After an error: the session goes back to that position, or to 0, and the tokens with it. */
void trit_context_back(struct trit_lm_context *context, size_t position);
/* TRIT_EARGUMENT unless 1 <= n tokens fit. */
enum trit_code trit_context_room(const struct trit_lm_context *context, size_t n,
                                 struct trit_error *error);
/* TRIT_ESTOPPED, once, after trit_lm_context_stop. */
enum trit_code trit_context_stopped(struct trit_lm_context *context, struct trit_error *error);

/* A choice of tokens as the caller described it, kept. */
struct trit_choosing {
    struct trit_sampling sampling;
    struct trit_bias *bias; /* free() it */
};
/* from NULL: as the model has it. */
enum trit_code trit_choosing_copy(struct trit_choosing *to, const struct trit_lm *lm,
                                  const struct trit_lm_sampling *from, struct trit_error *error);

struct trit_lm_chat {
    struct trit_lm *lm;
    struct trit_chat *chat;
};
/* The text as JSON; TRIT_EARGUMENT says where it is none. json_decref(*json), NULL after an error.
 */
enum trit_code trit_api_json(json_t **json, const char *text, const char *what,
                             struct trit_error *error);
/* A text that is to be one of the grammar's begins; *matcher is NULL without one. */
enum trit_code trit_hold_begin(struct trit_matcher **matcher, const struct trit_lm_grammar *grammar,
                               struct trit_error *error);

/* What the caller sees of an error. */
enum trit_lm_code trit_api_result(enum trit_code code, const struct trit_error *from,
                                  struct trit_lm_error *error);
/* The caller's struct, which begins with its size, as ours of `known` bytes: what it lacks is 0;
   NULL: all is. Sizes that no struct has, and fields set that are not known here, are
   TRIT_EARGUMENT. */
enum trit_code trit_api_take(void *ours, size_t known, const void *theirs, const char *name,
                             struct trit_error *error);
/* The other way: as much of ours as the caller's has room for, whose size stays. */
void trit_api_give(void *theirs, const void *ours, size_t known);

#endif
