/* What the files of the scheduler share: a job, the sequence that it makes, the scheduler. */
#ifndef TRIT_ENGINE_INTERNAL_H
#define TRIT_ENGINE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "runtime/engine/schedule.h"

enum { TRIT_SEQUENCE_MARKS = 8 };

/* A text in the cache, of a job that runs or of one that ended. */
struct trit_sequence {
    struct trit_sequence *next; /* of those that are kept: used before */
    struct trit_session *session;
    int32_t *tokens; /* as many as it has evaluated, or more: a context and one */
    size_t n;
    size_t turn; /* where the last turn of its last prompt began: what comes from there on is the
                    end of one conversation */
    struct trit_mark *marks[TRIT_SEQUENCE_MARKS]; /* in a model with states; ascending */
    size_t nmarks;
};

/* What wakes the scheduler: jobs may outlive it. */
struct trit_bell {
    pthread_mutex_t lock;
    pthread_cond_t rung;
    atomic_int references;
};

struct trit_job {
    struct trit_bell *bell;
    struct trit_job *next; /* in the queue */
    struct trit_job_ask ask;
    struct trit_sampling sampling;
    atomic_int references;
    atomic_bool cancelled;
    uint64_t turn; /* among all clients' jobs */
    double since;  /* when what it does now began: waiting, its prompt, its answer */
    struct trit_job_result result;
    /* Of one that runs: */
    struct trit_sequence *sequence;
    struct trit_sampler *sampler;
    struct trit_decoder *decoder;
    struct trit_matcher *matcher;
    uint32_t *mask; /* of all rows of the head, which may be more than there are tokens */
    struct trit_logprob *top;
    size_t limit;    /* tokens of its answer, at most */
    size_t from;     /* where it was before a pass */
    size_t suspect;  /* to be evaluated alone up to there; 0: not */
    uint64_t served; /* the pass that last had a part of its prompt */
    size_t wish;     /* in a model with states: the place near the prompt's end for a mark */
    bool answers;    /* its prompt is evaluated, the first token chosen */
    bool follows;    /* it waits for another whose prompt begins alike */
    bool ended;
    uint64_t number; /* in the order of admission */
};

/* Something that the thread does for another one between passes. */
struct trit_errand {
    enum trit_code (*run)(struct trit_scheduler *scheduler, const char *path,
                          struct trit_error *error);
    const char *path;
    enum trit_code code;
    struct trit_error error;
    pthread_cond_t over;
    bool done;
};

struct trit_scheduler {
    struct trit_engine *engine;
    struct trit_scheduler_sizes sizes;
    bool states; /* the model has some */
    struct trit_work *work;
    struct trit_vocabulary *vocabulary; /* NULL: not needed yet */
    pthread_t thread;
    struct trit_bell *bell; /* whose lock holds: */
    struct trit_job *queue;
    struct trit_errand *errand;
    bool stopping;
    uint64_t turn; /* of the job that was admitted last */
    struct trit_scheduler_stats stats;
    struct trit_job **running; /* changed by the thread alone, under the lock */
    size_t nrunning;
    /* The thread's own: */
    struct trit_sequence *kept; /* the one that was used last is first */
    struct trit_run *runs;      /* of a pass, [slots], and whose they are */
    struct trit_job **passing;
    size_t nruns;
    size_t state_bytes; /* of a sequence */
    uint64_t passes, made, admitted;
};

static inline size_t trit_mask_words(size_t vocab)
{
    return (vocab + 31) / 32;
}

/* --- sequences (schedule_kept.c) --- */

/* A sequence for the job's prompt, with as much of it as some other has: job->sequence,
   result.reused. */
enum trit_code trit_sequence_find(struct trit_scheduler *scheduler, struct trit_job *job,
                                  struct trit_error *error);
/* Whether another job is about to evaluate what this one's prompt begins with, too: it waits, and
   catches up by a copy. */
bool trit_sequence_follows(const struct trit_scheduler *scheduler, const struct trit_job *job);
void trit_sequence_catch_up(struct trit_scheduler *scheduler, struct trit_job *job);
/* The first place behind that one at which others need the job's states; SIZE_MAX: none. */
size_t trit_sequence_wanted(const struct trit_scheduler *scheduler, const struct trit_job *job,
                            size_t after);
/* The job ended: its sequence, if it has one, is kept as far as there is room. */
void trit_sequence_keep(struct trit_scheduler *scheduler, struct trit_job *job);
/* A mark of the job's sequence where its states are now, as far as there is room. */
void trit_sequence_mark(struct trit_scheduler *scheduler, struct trit_job *job);
/* Where its last mark is; 0: there is none. */
size_t trit_sequence_marked(const struct trit_sequence *sequence);
/* After an evaluation that failed: states are those of the last mark again. */
void trit_sequence_recover(struct trit_sequence *sequence);
/* An empty one; free; one that is kept from now on, as the last that was used. */
enum trit_code trit_sequence_create(struct trit_scheduler *scheduler,
                                    struct trit_sequence **sequence, struct trit_error *error);
void trit_sequence_free(struct trit_sequence *sequence); /* NULL allowed */
void trit_sequence_adopt(struct trit_scheduler *scheduler, struct trit_sequence *sequence);
/* The sequence that was used last, in a file, and one out of a file (schedule_file.c). */
enum trit_code trit_sequence_save(struct trit_scheduler *scheduler, const char *path,
                                  struct trit_error *error);
enum trit_code trit_sequence_restore(struct trit_scheduler *scheduler, const char *path,
                                     struct trit_error *error);
/* What all sequences take, into the stats. */
void trit_sequences_count(const struct trit_scheduler *scheduler,
                          struct trit_scheduler_stats *stats);
void trit_sequences_drop(struct trit_scheduler *scheduler); /* all that are kept */

/* --- passes (schedule_pass.c) --- */

/* A pass of the jobs that run, and what comes of it; some may end. */
void trit_schedule_pass(struct trit_scheduler *scheduler);
/* The job, which runs, has ended. error: NULL allowed. */
void trit_schedule_end(struct trit_scheduler *scheduler, struct trit_job *job,
                       enum trit_job_end end, const struct trit_error *error);

/* --- jobs (schedule_job.c) --- */

/* A copy of the ask, referred to twice: by who asked and by the scheduler. */
enum trit_code trit_job_create(struct trit_job **job, struct trit_scheduler *scheduler,
                               const struct trit_job_ask *ask, struct trit_error *error);
/* Finds a sequence, and makes what else a job needs to run. */
enum trit_code trit_job_open(struct trit_job *job, struct trit_scheduler *scheduler,
                             struct trit_error *error);
/* Frees all that, but the sequence. */
void trit_job_close(struct trit_job *job);
/* Says how it ended. */
void trit_job_done(struct trit_job *job, enum trit_job_end end, const struct trit_error *error);

struct trit_bell *trit_bell_create(void); /* NULL: no memory */
void trit_bell_release(struct trit_bell *bell);

#endif
