/* Several sequences of one model at once: a thread of its own forms passes of prompts and of
   sequences that go on, keeps what was computed for prompts that begin alike, and hands out tokens
   as they come. A job's tokens do not depend on the others, on drafts, or on what was kept. */
#ifndef TRIT_SCHEDULE_H
#define TRIT_SCHEDULE_H

#include "runtime/decode/decode.h"
#include "runtime/decode/logprob.h"
#include "runtime/engine/engine.h"
#include "runtime/grammar/grammar.h"

struct trit_scheduler;
struct trit_job;

struct trit_scheduler_sizes {
    size_t slots;        /* sequences that go on at once, >= 1 */
    size_t context;      /* of each */
    size_t chunk;        /* tokens of a pass */
    size_t queue;        /* jobs that may wait */
    uint64_t kept_bytes; /* memory of what is kept of sequences that ended: caches, marks */
    struct trit_drafting drafting;
};
/* For a loaded engine with a tokenizer, which must outlive it, and which nothing else evaluates. */
enum trit_code trit_scheduler_create(struct trit_scheduler **scheduler, struct trit_engine *engine,
                                     const struct trit_scheduler_sizes *sizes,
                                     struct trit_error *error);
/* All jobs end with TRIT_ESTOPPED, whose `done` have returned by then. NULL allowed. */
void trit_scheduler_free(struct trit_scheduler *scheduler);

struct trit_job_token {
    int32_t id;
    bool end; /* an end token, which is not part of the text; none follows */
    /* Where they were asked for: of the token, and the likeliest, in order. */
    float logprob;
    const struct trit_logprob *top;
    size_t ntop;
};
enum trit_job_end {
    TRIT_JOB_STOPPED, /* the token's callback said so */
    TRIT_JOB_ENDED,   /* an end token */
    TRIT_JOB_LENGTH,  /* predict, or the context is full */
    TRIT_JOB_CANCELLED,
    TRIT_JOB_FAILED, /* error says why */
};
struct trit_job_result {
    enum trit_job_end end;
    struct trit_error error;
    size_t prompt, reused; /* tokens of the prompt; of them, not evaluated anew */
    size_t made;           /* tokens, an end token not counted */
    size_t drafted, right;
    double queued, prefill, decode; /* seconds */
};
struct trit_job_ask {
    const int32_t *tokens; /* the prompt, copied */
    size_t ntokens;
    const size_t *turns; /* positions worth keeping, ascending, copied (runtime/chat/chat.h) */
    size_t nturns;
    const struct trit_sampling *sampling; /* copied, with its biases */
    size_t predict;                       /* tokens at most; 0: as the context allows */
    bool endless;                         /* end tokens are never chosen */
    const struct trit_grammar *grammar;   /* must outlive the job; NULL: none */
    bool logprobs;
    size_t top;      /* how many of the likeliest with each token */
    uint64_t client; /* who asks: jobs that wait take turns by client */
    /* Both on the scheduler's thread, and quick. token: false ends the job. done: the last that is
       heard of it. */
    bool (*token)(void *arg, const struct trit_job_token *token);
    void (*done)(void *arg, const struct trit_job_result *result);
    void *arg;
};
/* TRIT_EARGUMENT: the ask is wrong (a prompt longer than the context names both); TRIT_EBUSY: the
   queue is full. *job is for trit_job_cancel, and to be released. */
enum trit_code trit_scheduler_submit(struct trit_scheduler *scheduler,
                                     const struct trit_job_ask *ask, struct trit_job **job,
                                     struct trit_error *error);
/* Its `done` comes soon, if it has not yet; any thread. */
void trit_job_cancel(struct trit_job *job);
void trit_job_release(struct trit_job *job); /* NULL allowed; the job goes on */

/* What was evaluated for the last job that ended goes to a file (runtime/model/snapshot.h), of a
   model with states as far as its last turn; or comes back from there, so that a prompt that begins
   with it goes on from it. Nothing was evaluated: TRIT_EARGUMENT. Any thread; waits for the pass
   that runs. */
enum trit_code trit_scheduler_save(struct trit_scheduler *scheduler, const char *path,
                                   struct trit_error *error);
enum trit_code trit_scheduler_restore(struct trit_scheduler *scheduler, const char *path,
                                      struct trit_error *error);

/* What there is to say of it at a moment; any thread. */
struct trit_scheduler_stats {
    size_t running, waiting, slots;
    uint64_t jobs, refused, failed, cancelled;
    uint64_t prompt_tokens, reused_tokens, made_tokens, drafted, right;
    uint64_t passes, pass_tokens, bytes;        /* bytes: read by passes */
    double busy;                                /* seconds in passes */
    uint64_t kv_bytes, state_bytes, kept_bytes; /* kept_bytes: of both, of sequences that ended */
    size_t kept;                                /* sequences */
};
void trit_scheduler_stats(struct trit_scheduler *scheduler, struct trit_scheduler_stats *stats);

#endif
